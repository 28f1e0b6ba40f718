//! The functions that compiled programs call, in one table that check, codegen and runtime share.
//!
//! In: nothing. Out: [`RuntimeFunction`] with symbol, parameter passing and result of each. The bodies are
//! `#[unsafe(no_mangle)] extern "C"` functions in the files named by the section comments.
//! Deliberately not here: memory layouts, see `abi`.
//!
//! An argument of the typed IR is passed as its `Pass` says; `Fiber`, `Type`, `ResultType`, `Site` are added by codegen
//! and take no IR argument. A `Value` result is written through a last `*mut u8` parameter.
//! Example: `ListGet (Fiber, Ref, Int, Type, Site) -> Value` is
//! `fn coex_list_get(fiber: *mut Fiber, list: *mut ListObject, index: i64, ty: *const TypeDesc, site: *const Site, out: *mut u8)`.

/// How one parameter is passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pass {
    /// The current fiber, as an ordinary first parameter.
    Fiber,
    /// `i64`: int, handle, posix.
    Int,
    /// `f64`
    Float,
    /// `bool` (i1 zero-extended)
    Bool,
    /// A reference to a heap object.
    Ref,
    /// Pointer to a slot that holds the value; the callee copies out of it.
    Value,
    /// Raw pointer computed by codegen.
    Pointer,
    /// `*const TypeDesc` of the first IR argument's type.
    Type,
    /// `*const TypeDesc` of the call's own type.
    ResultType,
    /// `*const Site` of the call.
    Site,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Returns {
    Nothing,
    Int,
    Float,
    Bool,
    Ref,
    /// Written through the last parameter.
    Value,
    /// Does not return.
    Never,
}

macro_rules! runtime_functions {
    ($($(#[$note:meta])* $name:ident $symbol:literal ($($pass:ident),*) -> $returns:ident;)*) => {
        /// One function of the runtime.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub enum RuntimeFunction { $($(#[$note])* $name,)* }

        /// All of them, in the order of the table.
        pub const ALL: &[RuntimeFunction] = &[$(RuntimeFunction::$name,)*];

        impl RuntimeFunction {
            pub const fn symbol(self) -> &'static str {
                match self { $(RuntimeFunction::$name => $symbol,)* }
            }

            pub const fn params(self) -> &'static [Pass] {
                match self { $(RuntimeFunction::$name => &[$(Pass::$pass),*],)* }
            }

            pub const fn returns(self) -> Returns {
                match self { $(RuntimeFunction::$name => Returns::$returns,)* }
            }
        }
    };
}

runtime_functions! {
    // ------------------------------------------------------------------ allocation, polls, panics: alloc, gc, panic
    /// Size in bytes, header word. The inline fast path failed.
    AllocSlow "coex_alloc_slow" (Fiber, Int, Int) -> Ref;
    PollSlow "coex_poll_slow" (Fiber) -> Nothing;
    Panic "coex_panic" (Fiber, Ref, Site) -> Never;
    PanicDivision "coex_panic_division" (Fiber, Site) -> Never;
    /// The stack pointer is below `stack_check`: polls, or panics `stack overflow`.
    StackSlow "coex_stack_slow" (Fiber, Site) -> Nothing;
    /// `nil value used where T is required`; the type is the optional's.
    PanicNil "coex_panic_nil" (Fiber, Pointer, Site) -> Never;
    PanicFloatToInt "coex_panic_float_to_int" (Fiber, Site) -> Never;
    PanicByteRange "coex_panic_byte_range" (Fiber, Site) -> Never;
    PanicCharRange "coex_panic_char_range" (Fiber, Site) -> Never;
    PanicRangeStep "coex_panic_range_step" (Fiber, Site) -> Never;
    /// `index I out of range for length L`
    PanicIndex "coex_panic_index" (Fiber, Int, Int, Site) -> Never;
    /// `exit value is Ok`
    PanicExitOk "coex_panic_exit_ok" (Fiber, Site) -> Never;
    /// `unwrap of Err: E`; the value is the error.
    PanicUnwrapErr "coex_panic_unwrap_err" (Fiber, Value, Type, Site) -> Never;
    /// `unwrap_err of Ok`
    PanicUnwrapOk "coex_panic_unwrap_ok" (Fiber, Site) -> Never;
    /// `cannot convert "…" to T`: the text, then the name of T.
    PanicConvert "coex_panic_convert" (Fiber, Ref, Ref, Site) -> Never;
    Gc "coex_gc" (Fiber) -> Nothing;
    GcAsync "coex_gc_async" (Fiber) -> Nothing;
    GcDumpStats "coex_gc_dump_stats" (Fiber) -> Nothing;
    GcDumpHeap "coex_gc_dump_heap" (Fiber) -> Nothing;
    GcDumpRoots "coex_gc_dump_roots" (Fiber) -> Nothing;
    GcDumpHandleTable "coex_gc_dump_handle_table" (Fiber) -> Nothing;
    GcDumpShadowStacks "coex_gc_dump_shadow_stacks" (Fiber) -> Nothing;
    GcFragmentationReport "coex_gc_fragmentation_report" (Fiber) -> Nothing;
    GcValidateHeap "coex_gc_validate_heap" (Fiber) -> Int;
    GcSetTraceLevel "coex_gc_set_trace_level" (Fiber, Int) -> Nothing;
    GcInstallWatermark "coex_gc_install_watermark" (Fiber) -> Nothing;

    // ------------------------------------------------------------------ tasks: task
    /// A task of this `TaskInfo`, payload zeroed. The arguments are stored at once, then `TaskStart`; no safe point between.
    TaskNew "coex_task_new" (Fiber, Pointer, Site) -> Ref;
    TaskStart "coex_task_start" (Fiber, Pointer) -> Nothing;
    /// Waits for the task; the result is the address of its payload. Then the result is copied out, then `TaskRelease`.
    TaskJoin "coex_task_join" (Fiber, Pointer, Site) -> Ref;
    /// After a join: the record is free.
    TaskRelease "coex_task_release" (Fiber, Pointer) -> Nothing;
    /// Nobody will ask for the value; the scope still waits for the task.
    TaskDrop "coex_task_drop" (Fiber, Pointer) -> Nothing;
    /// `abi::Scope` in the frame.
    ScopeEnter "coex_scope_enter" (Fiber, Pointer) -> Nothing;
    /// The barrier: joins all children, in spawn order, then leaves the scope.
    ScopeLeave "coex_scope_leave" (Fiber, Pointer, Site) -> Nothing;
    /// `abi::RangeInfo`, environment, number of rounds: all of them, side by side. The result is the memory of the results,
    /// zeroed before, in index order; freed by `RangeFree` (memory, bytes).
    RangeRun "coex_range_run" (Fiber, Pointer, Pointer, Int, Site) -> Ref;
    RangeFree "coex_range_free" (Fiber, Pointer) -> Nothing;

    // ------------------------------------------------------------------ within: task/within
    /// Landing in the frame, nanoseconds. False: the deadline is not in the future, the landing was not entered.
    WithinEnter "coex_within_enter" (Fiber, Pointer, Int) -> Bool;
    WithinLeave "coex_within_leave" (Fiber, Pointer) -> Nothing;

    // ------------------------------------------------------------------ channels, select: channel
    /// Capacity; panics `negative channel buffer`.
    ChannelNew "coex_channel_new" (Fiber, Int, ResultType, Site) -> Ref;
    ChannelSend "coex_channel_send" (Fiber, Ref, Value, Type, Site) -> Nothing;
    /// `T?`
    ChannelReceive "coex_channel_receive" (Fiber, Ref, ResultType, Site) -> Value;
    ChannelTrySend "coex_channel_try_send" (Fiber, Ref, Value, Type) -> Bool;
    ChannelTryReceive "coex_channel_try_receive" (Fiber, Ref, ResultType) -> Value;
    /// Nanoseconds second.
    ChannelReceiveTimeout "coex_channel_receive_timeout" (Fiber, Ref, Int, ResultType, Site) -> Value;
    ChannelClose "coex_channel_close" (Fiber, Ref, Site) -> Nothing;
    ChannelIsClosed "coex_channel_is_closed" (Ref) -> Bool;
    ChannelLen "coex_channel_len" (Ref) -> Int;
    /// `abi::SelectCase`s, their number, strategy, timeout in nanoseconds (below 0: none; 0: do not wait), word of the
    /// statement (the index chosen last plus 1, 0 at first). The index of the chosen case, -1: none.
    Select "coex_select" (Fiber, Pointer, Int, Int, Int, Pointer, Site) -> Int;

    // ------------------------------------------------------------------ references shared between tasks: atomic
    /// The values are of type `T?`.
    AtomicRefNew "coex_atomic_ref_new" (Fiber, Value, Type, ResultType) -> Ref;
    AtomicRefLoad "coex_atomic_ref_load" (Ref, ResultType) -> Value;
    /// Value, cell.
    AtomicRefStore "coex_atomic_ref_store" (Fiber, Value, Ref, Type) -> Nothing;
    AtomicRefSwap "coex_atomic_ref_swap" (Fiber, Ref, Value, ResultType) -> Value;
    /// Expected, new, cell.
    AtomicRefCompareAndSwap "coex_atomic_ref_compare_and_swap" (Fiber, Value, Value, Ref, Type) -> Bool;

    // ------------------------------------------------------------------ foreign calls: ffi
    /// Root in the caller's frame, number of libraries.
    RootEnter "coex_root_enter" (Fiber, Pointer, Int) -> Nothing;
    RootLeave "coex_root_leave" (Fiber) -> Nothing;
    /// Index of the library; creates the instance, or panics with `FFI resource exhausted`.
    InstanceGet "coex_instance_get" (Fiber, Int, Site) -> Ref;
    /// Index of the library; null when resources are exhausted.
    InstanceTryGet "coex_instance_try_get" (Fiber, Int) -> Ref;
    /// Index of the library, or below 0 for functions of the program: installs the instance, see `abi::entered`.
    InstanceEnter "coex_instance_enter" (Fiber, Int, Site) -> Nothing;
    /// Index of a library with `thread_safe = false`: waits for its turn, which ends with the call that follows at once.
    LibraryLock "coex_library_lock" (Fiber, Int) -> Nothing;
    /// Instance, bytes: memory for argument copies, freed by `ArenaReset`; aligned to 16.
    ArenaAlloc "coex_arena_alloc" (Fiber, Pointer, Int, Site) -> Ref;
    /// Instance, mark (the cursor before the call).
    ArenaReset "coex_arena_reset" (Pointer, Pointer) -> Nothing;
    /// Instance (null for program externs), C pointer, release function or null.
    HandleWrap "coex_handle_wrap" (Fiber, Pointer, Pointer, Pointer) -> Int;
    /// Instance, handle: the C pointer; panics `stale handle`.
    HandleUnwrap "coex_handle_unwrap" (Fiber, Pointer, Int, Site) -> Ref;
    /// Instance, handle: closed without running its release function.
    HandleClose "coex_handle_close" (Fiber, Pointer, Int) -> Nothing;
    /// Failure of the last foreign call: the text as a string; clears `ffi_failed`. `FfiFailureCode` first.
    FfiFailureText "coex_ffi_failure_text" (Fiber) -> Ref;
    FfiFailureCode "coex_ffi_failure_code" (Fiber) -> Int;
    /// Instance with a worker: begins the message of a call.
    WorkerBegin "coex_worker_begin" (Pointer) -> Nothing;
    /// Instance or null (in a worker), slot, descriptor: appends the value.
    WorkerPut "coex_worker_put" (Fiber, Pointer, Pointer, Pointer, Site) -> Nothing;
    /// Instance, the extern's entry for workers: request and answer. Sets `ffi_failed`.
    WorkerCall "coex_worker_call" (Fiber, Pointer, Pointer, Site) -> Nothing;
    /// Instance or null, zeroed slot, descriptor: the next value. Sets `ffi_failed`, and the slot stays zero.
    WorkerTake "coex_worker_take" (Fiber, Pointer, Pointer, Pointer) -> Nothing;
    /// Instance: which case of a `Result` follows.
    WorkerTakeCase "coex_worker_take_case" (Fiber, Pointer) -> Int;
    /// In a worker: the message is the answer from here on.
    WorkerAnswer "coex_worker_answer" () -> Nothing;
    /// Panics with the text of the last `coex_ffi_fail`.
    PanicFfiFailure "coex_panic_ffi_failure" (Fiber, Site) -> Never;
    /// Parameter name, name of the C type.
    PanicArgumentRange "coex_panic_argument_range" (Fiber, Ref, Ref, Site) -> Never;
    /// `string contains NUL`
    PanicStringNul "coex_panic_string_nul" (Fiber, Site) -> Never;
    /// `NULL string from 'F'`
    PanicNullString "coex_panic_null_string" (Fiber, Ref, Site) -> Never;
    /// Writes the print buffer.
    Flush "coex_flush" (Fiber) -> Nothing;
    /// Text of an errno value.
    ErrnoText "coex_errno_text" (Fiber, Int) -> Ref;
    /// `error <code>`
    ErrorCodeText "coex_error_code_text" (Fiber, Int) -> Ref;
    /// Instance or null, string: a NUL-terminated copy in the arena; panics `string contains NUL`.
    StringToC "coex_string_to_c" (Fiber, Pointer, Ref, Site) -> Ref;
    /// C string to string; invalid UTF-8 becomes U+FFFD.
    StringFromC "coex_string_from_c" (Fiber, Pointer) -> Ref;
    /// Bytes and length to a List or Array of byte.
    ListFromBytes "coex_list_from_bytes" (Fiber, Pointer, Int, ResultType) -> Ref;
    ArrayFromBytes "coex_array_from_bytes" (Fiber, Pointer, Int, ResultType) -> Ref;
    /// Copies a List of byte to C memory of `len` bytes.
    ListCopyBytes "coex_list_copy_bytes" (Ref, Pointer) -> Nothing;

    // ------------------------------------------------------------------ any value: value, text
    ValueEqual "coex_value_equal" (Value, Value, Type) -> Bool;
    /// Canonical order: negative, 0, positive.
    ValueCompare "coex_value_compare" (Value, Value, Type) -> Int;
    /// Text for `String.from` (13.2, second column).
    ValueToString "coex_value_to_string" (Fiber, Value, Type) -> Ref;
    Print "coex_print" (Fiber, Value, Type) -> Nothing;
    Debug "coex_debug" (Fiber, Value, Type) -> Nothing;

    // ------------------------------------------------------------------ List: list
    /// Elements in a row, their number.
    ListFrom "coex_list_from" (Fiber, Pointer, Int, ResultType) -> Ref;
    ListLen "coex_list_len" (Ref) -> Int;
    ListGet "coex_list_get" (Fiber, Ref, Int, Type, Site) -> Value;
    ListSet "coex_list_set" (Fiber, Ref, Int, Value, Type, Site) -> Ref;
    ListAppend "coex_list_append" (Fiber, Ref, Value, Type) -> Ref;
    /// Position may equal the length.
    ListInsert "coex_list_insert" (Fiber, Ref, Int, Value, Type, Site) -> Ref;
    ListRemove "coex_list_remove" (Fiber, Ref, Int, Type, Site) -> Ref;
    /// All but the last; panics `pop of empty List`.
    ListPop "coex_list_pop" (Fiber, Ref, Type, Site) -> Ref;
    ListConcat "coex_list_concat" (Fiber, Ref, Ref, Type) -> Ref;
    ListContains "coex_list_contains" (Ref, Value, Type) -> Bool;
    /// Position or -1, from the position given on.
    ListIndexOf "coex_list_index_of" (Ref, Value, Type) -> Int;
    ListCount "coex_list_count" (Ref, Value, Type) -> Int;
    ListReverse "coex_list_reverse" (Fiber, Ref, Type) -> Ref;
    ListSort "coex_list_sort" (Fiber, Ref, Type) -> Ref;
    /// Clamped; negative bounds count from the end.
    ListSlice "coex_list_slice" (Fiber, Ref, Int, Int, Type) -> Ref;
    /// Slice assignment: start, end, source.
    ListSetSlice "coex_list_set_slice" (Fiber, Ref, Int, Int, Ref, Type) -> Ref;
    /// Separator second.
    ListJoin "coex_list_join" (Fiber, Ref, Ref) -> Ref;
    ListToArray "coex_list_to_array" (Fiber, Ref, Type) -> Ref;
    ListToSet "coex_list_to_set" (Fiber, Ref, Type, ResultType) -> Ref;
    /// Address of the leaf part that starts at the index; the number of elements there goes to the pointer (an i64).
    ListLeaf "coex_list_leaf" (Ref, Int, Type, Pointer) -> Ref;
    /// `range(a, b, step)` as a list: panics `range step is zero`.
    ListRange "coex_list_range" (Fiber, Int, Int, Int, ResultType, Site) -> Ref;

    // ------------------------------------------------------------------ Array: array
    ArrayFrom "coex_array_from" (Fiber, Pointer, Int, ResultType) -> Ref;
    /// `Array(n, v)`: panics `negative array size`.
    ArrayFill "coex_array_fill" (Fiber, Int, Value, ResultType, Site) -> Ref;
    ArrayLen "coex_array_len" (Ref) -> Int;
    ArrayGet "coex_array_get" (Fiber, Ref, Int, Type, Site) -> Value;
    ArraySet "coex_array_set" (Fiber, Ref, Int, Value, Type, Site) -> Ref;
    ArrayAppend "coex_array_append" (Fiber, Ref, Value, Type) -> Ref;
    ArrayConcat "coex_array_concat" (Fiber, Ref, Ref, Type) -> Ref;
    ArrayContains "coex_array_contains" (Ref, Value, Type) -> Bool;
    ArrayIndexOf "coex_array_index_of" (Ref, Value, Type) -> Int;
    ArrayReverse "coex_array_reverse" (Fiber, Ref, Type) -> Ref;
    ArraySort "coex_array_sort" (Fiber, Ref, Type) -> Ref;
    ArraySlice "coex_array_slice" (Fiber, Ref, Int, Int, Type) -> Ref;
    ArraySetSlice "coex_array_set_slice" (Fiber, Ref, Int, Int, Ref, Type) -> Ref;
    ArrayJoin "coex_array_join" (Fiber, Ref, Ref) -> Ref;
    ArrayToList "coex_array_to_list" (Fiber, Ref, Type) -> Ref;
    ArrayToSet "coex_array_to_set" (Fiber, Ref, Type, ResultType) -> Ref;

    /// For the cells of a matrix, which are stored at once, or between safe points if they are null before.
    MatrixNew "coex_matrix_new" (Fiber, Int, ResultType) -> Ref;
    /// Before a reference is stored in the elements of this array.
    MatrixBarrier "coex_matrix_barrier" (Fiber, Ref) -> Nothing;

    // ------------------------------------------------------------------ Map and Set: map, set
    /// Keys and values alternately, each in its slot at the entry's layout; number of entries.
    MapFrom "coex_map_from" (Fiber, Pointer, Int, ResultType) -> Ref;
    MapLen "coex_map_len" (Ref) -> Int;
    /// The value, or nil.
    MapGet "coex_map_get" (Fiber, Ref, Value, Type, ResultType) -> Value;
    /// The value; panics `key not found`.
    MapIndex "coex_map_index" (Fiber, Ref, Value, Type, Site) -> Value;
    MapSet "coex_map_set" (Fiber, Ref, Value, Value, Type) -> Ref;
    MapRemove "coex_map_remove" (Fiber, Ref, Value, Type) -> Ref;
    /// Map or Set, key, bytes of an entry: the address of the entry, or null.
    MapFindInt "coex_map_find_int" (Ref, Int, Int) -> Ref;
    MapFindString "coex_map_find_string" (Ref, Ref, Int) -> Ref;
    MapHas "coex_map_has" (Ref, Value, Type) -> Bool;
    MapKeys "coex_map_keys" (Fiber, Ref, Type, ResultType) -> Ref;
    MapValues "coex_map_values" (Fiber, Ref, Type, ResultType) -> Ref;
    MapMerge "coex_map_merge" (Fiber, Ref, Ref, Type) -> Ref;
    SetFrom "coex_set_from" (Fiber, Pointer, Int, ResultType) -> Ref;
    SetAdd "coex_set_add" (Fiber, Ref, Value, Type) -> Ref;
    SetRemove "coex_set_remove" (Fiber, Ref, Value, Type) -> Ref;
    SetHas "coex_set_has" (Ref, Value, Type) -> Bool;
    SetUnion "coex_set_union" (Fiber, Ref, Ref, Type) -> Ref;
    SetIntersection "coex_set_intersection" (Fiber, Ref, Ref, Type) -> Ref;
    SetDifference "coex_set_difference" (Fiber, Ref, Ref, Type) -> Ref;
    SetIsSubset "coex_set_is_subset" (Ref, Ref, Type) -> Bool;
    SetToList "coex_set_to_list" (Fiber, Ref, Type, ResultType) -> Ref;
    SetToArray "coex_set_to_array" (Fiber, Ref, Type, ResultType) -> Ref;
    /// MapIter, map or set.
    MapIterInit "coex_map_iter_init" (Pointer, Ref) -> Nothing;
    /// Address of the next entry (the value follows the key at `map_value_offset`), or null. Type is the Map's or Set's.
    MapIterNext "coex_map_iter_next" (Pointer, Pointer) -> Ref;

    // ------------------------------------------------------------------ changes in place: slot, list, array, map, set, string
    /// A number that was never given before; not 0. See the pass `edit_tokens`.
    EditToken "coex_edit_token" () -> Int;
    /// As the functions without `Owned`; parts that carry the token (last argument) are changed in place.
    ListAppendOwned "coex_list_append_owned" (Fiber, Ref, Value, Int, Type) -> Ref;
    /// The list with the leaf of this position for the token alone, open for a store at once.
    ListOwn "coex_list_own" (Fiber, Ref, Int, Int, Type) -> Ref;
    /// The array with its elements for the token alone.
    ArrayOwn "coex_array_own" (Fiber, Ref, Int, Type) -> Ref;
    ListSetOwned "coex_list_set_owned" (Fiber, Ref, Int, Value, Int, Type, Site) -> Ref;
    ArrayAppendOwned "coex_array_append_owned" (Fiber, Ref, Value, Int, Type) -> Ref;
    ArraySetOwned "coex_array_set_owned" (Fiber, Ref, Int, Value, Int, Type, Site) -> Ref;
    MapSetOwned "coex_map_set_owned" (Fiber, Ref, Value, Value, Int, Type) -> Ref;
    MapRemoveOwned "coex_map_remove_owned" (Fiber, Ref, Value, Int, Type) -> Ref;
    SetAddOwned "coex_set_add_owned" (Fiber, Ref, Value, Int, Type) -> Ref;
    SetRemoveOwned "coex_set_remove_owned" (Fiber, Ref, Value, Int, Type) -> Ref;
    /// The right one is never changed.
    ListConcatOwned "coex_list_concat_owned" (Fiber, Ref, Ref, Int, Type) -> Ref;
    ArrayConcatOwned "coex_array_concat_owned" (Fiber, Ref, Ref, Int, Type) -> Ref;
    StringConcatOwned "coex_string_concat_owned" (Fiber, Ref, Ref, Int) -> Ref;

    // ------------------------------------------------------------------ string: string
    StringLen "coex_string_len" (Ref) -> Int;
    StringGet "coex_string_get" (Fiber, Ref, Int, Site) -> Int;
    StringEqual "coex_string_equal" (Ref, Ref) -> Bool;
    StringCompare "coex_string_compare" (Ref, Ref) -> Int;
    StringConcat "coex_string_concat" (Fiber, Ref, Ref) -> Ref;
    StringSlice "coex_string_slice" (Fiber, Ref, Int, Int) -> Ref;
    StringSetSlice "coex_string_set_slice" (Fiber, Ref, Int, Int, Ref) -> Ref;
    StringContains "coex_string_contains" (Ref, Ref) -> Bool;
    StringStartsWith "coex_string_starts_with" (Ref, Ref) -> Bool;
    StringEndsWith "coex_string_ends_with" (Ref, Ref) -> Bool;
    /// Code-point index or -1.
    StringFind "coex_string_find" (Ref, Ref) -> Int;
    StringFindLast "coex_string_find_last" (Ref, Ref) -> Int;
    StringCount "coex_string_count" (Ref, Ref) -> Int;
    StringReplace "coex_string_replace" (Fiber, Ref, Ref, Ref) -> Ref;
    StringSplit "coex_string_split" (Fiber, Ref, Ref, ResultType) -> Ref;
    StringLines "coex_string_lines" (Fiber, Ref, ResultType) -> Ref;
    StringChars "coex_string_chars" (Fiber, Ref, ResultType) -> Ref;
    StringUpper "coex_string_upper" (Fiber, Ref) -> Ref;
    StringLower "coex_string_lower" (Fiber, Ref) -> Ref;
    StringTrim "coex_string_trim" (Fiber, Ref) -> Ref;
    StringTrimStart "coex_string_trim_start" (Fiber, Ref) -> Ref;
    StringTrimEnd "coex_string_trim_end" (Fiber, Ref) -> Ref;
    StringRepeat "coex_string_repeat" (Fiber, Ref, Int) -> Ref;
    StringReverse "coex_string_reverse" (Fiber, Ref) -> Ref;
    StringPadLeft "coex_string_pad_left" (Fiber, Ref, Int, Ref) -> Ref;
    StringPadRight "coex_string_pad_right" (Fiber, Ref, Int, Ref) -> Ref;
    /// `int?`
    StringToInt "coex_string_to_int" (Ref, ResultType) -> Value;
    StringToIntHex "coex_string_to_int_hex" (Ref, ResultType) -> Value;
    /// `float?`
    StringToFloat "coex_string_to_float" (Ref, ResultType) -> Value;
    StringBytes "coex_string_bytes" (Fiber, Ref, ResultType) -> Ref;
    StringValidJson "coex_string_valid_json" (Ref) -> Bool;
    StringFromHex "coex_string_from_hex" (Fiber, Int) -> Ref;
    StringFromBytes "coex_string_from_bytes" (Fiber, Ref) -> Ref;
    /// Panics `invalid code point`.
    StringFromChar "coex_string_from_char" (Fiber, Int, Site) -> Ref;
    /// Byte position in, code point out, position advanced through the pointer (an i64); -1 at the end.
    StringNext "coex_string_next" (Ref, Pointer) -> Int;

    // ------------------------------------------------------------------ json
    /// The value as json.
    JsonFrom "coex_json_from" (Fiber, Value, Type, Site) -> Value;
    /// Panics when it does not fit.
    JsonTo "coex_json_to" (Fiber, Value, ResultType, Site) -> Value;
    /// The result is an optional.
    JsonToOptional "coex_json_to_optional" (Fiber, Value, ResultType, Site) -> Value;
    JsonToString "coex_json_to_string" (Fiber, Value) -> Ref;
    /// The result is a `Result<json, string>`.
    JsonParse "coex_json_parse" (Fiber, Ref, ResultType) -> Value;
    JsonText "coex_json_text" (Fiber, Value) -> Ref;
    JsonPretty "coex_json_pretty" (Fiber, Value, Int) -> Ref;
    /// Of an array of `(string, json)`.
    JsonFromMembers "coex_json_from_members" (Fiber, Ref) -> Value;
    JsonEmpty "coex_json_empty" () -> Value;
    JsonGet "coex_json_get" (Value, Ref) -> Value;
    JsonAt "coex_json_at" (Value, Int) -> Value;
    /// By a key that is json.
    JsonLookup "coex_json_lookup" (Value, Value) -> Value;
    /// 0 null, 1 bool, 2 int, 3 float, 4 string, 5 array, 6 object.
    JsonKind "coex_json_kind" (Value) -> Int;
    JsonLen "coex_json_len" (Value) -> Int;
    JsonHas "coex_json_has" (Value, Ref) -> Bool;
    JsonKeys "coex_json_keys" (Fiber, Value, ResultType) -> Ref;
    JsonValues "coex_json_values" (Fiber, Value, ResultType) -> Ref;
    JsonEntries "coex_json_entries" (Fiber, Value, ResultType) -> Ref;
    /// What a loop walks over, as an `Array<json>`.
    JsonItems "coex_json_items" (Fiber, Value) -> Ref;
    JsonSet "coex_json_set" (Fiber, Value, Ref, Value, Site) -> Value;
    JsonSetAt "coex_json_set_at" (Fiber, Value, Int, Value, Site) -> Value;
    JsonAppend "coex_json_append" (Fiber, Value, Value, Site) -> Value;
    JsonRemove "coex_json_remove" (Fiber, Value, Ref, Site) -> Value;
    JsonRemoveAt "coex_json_remove_at" (Fiber, Value, Int, Site) -> Value;

    // ------------------------------------------------------------------ numbers: number
    /// Panics `negative exponent`.
    IntPow "coex_int_pow" (Fiber, Int, Int, Site) -> Int;
    FloatPow "coex_float_pow" (Float, Float) -> Float;
    FloatRemainder "coex_float_remainder" (Float, Float) -> Float;
    FloatRound "coex_float_round" (Float) -> Float;

    // ------------------------------------------------------------------ posix, time, main's parameters: posix
    /// `Result<posix, string>`
    PosixOpen "coex_posix_open" (Fiber, Ref, Ref, ResultType) -> Value;
    PosixTime "coex_posix_time" () -> Int;
    PosixTimeNs "coex_posix_time_ns" () -> Int;
    /// `string?`
    PosixGetenv "coex_posix_getenv" (Fiber, Ref, ResultType) -> Value;
    PosixRandomSeed "coex_posix_random_seed" () -> Int;
    PosixUrandom "coex_posix_urandom" (Fiber, Int, ResultType, Site) -> Ref;
    PosixExit "coex_posix_exit" (Fiber, Int) -> Never;
    PosixRead "coex_posix_read" (Fiber, Int, Int, ResultType) -> Value;
    PosixReadAll "coex_posix_read_all" (Fiber, Int, ResultType) -> Value;
    PosixReadLine "coex_posix_read_line" (Fiber, Int, ResultType) -> Value;
    PosixWrite "coex_posix_write" (Fiber, Int, Ref, ResultType) -> Value;
    PosixWriteln "coex_posix_writeln" (Fiber, Int, Ref, ResultType) -> Value;
    PosixSeek "coex_posix_seek" (Fiber, Int, Int, Int, ResultType) -> Value;
    PosixClose "coex_posix_close" (Fiber, Int, ResultType) -> Value;
    /// The `posix` value of descriptor 0, 1 or 2.
    PosixStandard "coex_posix_standard" (Int) -> Int;
    Sleep "coex_sleep" (Fiber, Int) -> Nothing;
    /// `[string]`, program name first.
    ProgramArgs "coex_program_args" (Fiber, ResultType) -> Ref;
}

#[cfg(test)]
mod tests {
    use super::{ALL, Returns};
    use std::collections::HashMap;
    use std::path::Path;

    /// Numbers of parameters of all functions in the sources, by name.
    fn definitions(directory: &Path, found: &mut HashMap<String, usize>) {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                definitions(&path, found);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            for (at, _) in text.match_indices("fn coex_") {
                let Some((name, rest)) = text[at + 3..].split_once('(') else { continue };
                let parameters = rest.split(')').next().unwrap_or_default();
                found.insert(name.to_owned(), parameters.matches(':').count());
            }
            // The panics that a macro defines: a name and a fixed text.
            for line in text.lines() {
                if let Some((name, _)) =
                    line.trim().split_once(" b\"").filter(|(name, _)| name.starts_with("coex_panic_"))
                {
                    found.insert(name.to_owned(), 2);
                }
            }
        }
    }

    /// Every function of the table exists, with as many parameters as the table says.
    #[test]
    fn the_table_is_implemented() {
        let mut found = HashMap::new();
        definitions(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut found);
        let mut wrong = Vec::new();
        for function in ALL {
            let expected = function.params().len() + (function.returns() == Returns::Value) as usize;
            match found.get(function.symbol()) {
                Some(count) if *count == expected => {}
                Some(count) => wrong.push(format!("{}: {count} parameters, not {expected}", function.symbol())),
                None => wrong.push(format!("{}: missing", function.symbol())),
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
