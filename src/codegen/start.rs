//! The frame of the executable: C's `main` and the table that it hands to the runtime.
//!
//! In: the finished type table. Out: `main`, `ProgramInfo`. Deliberately not here: what happens at the start (runtime).

use super::context::Codegen;
use super::emit::{Value, built};
use coex_runtime::abi::ABI_VERSION;
use inkwell::attributes::AttributeLoc;
use inkwell::module::Linkage;
use inkwell::values::PointerValue;

pub(super) fn define<'ctx>(codegen: &Codegen<'_, 'ctx>, types: PointerValue<'ctx>, type_count: u32) {
    let info = program_info(codegen, types, type_count);
    let (word, ptr) = (codegen.types.i32, codegen.types.ptr);
    let start = word.fn_type(&[word.into(), ptr.into(), ptr.into()], false);
    let start = codegen.module.add_function("coex_start", start, None);
    let main = codegen.module.add_function("main", word.fn_type(&[word.into(), ptr.into()], false), None);
    main.add_attribute(AttributeLoc::Function, codegen.attributes.nounwind);

    let emit = codegen.emit();
    emit.at(codegen.context.append_basic_block(main, ""));
    let mut args: Vec<_> = main.get_params().into_iter().map(Into::into).collect();
    args.push(info.into());
    let status = built(emit.builder.build_call(start, &args, "")).try_as_basic_value().unwrap_basic();
    built(emit.builder.build_return(Some(&status)));
}

fn program_info<'ctx>(codegen: &Codegen<'_, 'ctx>, types: PointerValue<'ctx>, type_count: u32) -> PointerValue<'ctx> {
    let libraries: Vec<Value<'ctx>> =
        codegen.natives.iter().map(|native| descriptor(codegen, &native.descriptor_symbol).into()).collect();
    let members = [
        codegen.types.word32(ABI_VERSION).into(),
        codegen.types.word32(type_count).into(),
        types.into(),
        codegen.types.int(libraries.len() as i64).into(),
        codegen.table("libraries", codegen.types.ptr.into(), &libraries).into(),
        codegen.function(codegen.program.entry).as_global_value().as_pointer_value().into(),
    ];
    codegen.constant("program", codegen.context.const_struct(&members, false).into()).as_pointer_value()
}

fn descriptor<'ctx>(codegen: &Codegen<'_, 'ctx>, symbol: &str) -> PointerValue<'ctx> {
    let global = codegen.module.get_global(symbol).unwrap_or_else(|| {
        let global = codegen.module.add_global(codegen.types.i8, None, symbol);
        global.set_linkage(Linkage::External);
        global
    });
    global.as_pointer_value()
}
