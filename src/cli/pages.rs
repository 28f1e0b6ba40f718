//! The explain pages, one a code, as the compiler carries them.
//!
//! In: `docs/errors/`. Out: the text of a code's page. A code without a page does not compile.

use crate::diagnostics::Code;

macro_rules! pages {
    ($($code:ident)*) => {
        /// The page of a code, in Markdown.
        pub(super) fn page(code: Code) -> &'static str {
            match code {
                $(Code::$code => include_str!(concat!("../../docs/errors/", stringify!($code), ".md")),)*
            }
        }
    };
}

pages! {
    E0001 E0101 E0102 E0103 E0104 E0105 E0106 E0201 E0202 E0203 E0204 E0301 E0302 E0303 E0304 E0305
    E0306 E0307 E0308 E0309 E0310 E0311 E0312 E0401 E0402 E0403 E0404 E0405 E0406 E0407 E0408 E0501
    E0502 E0503 E0504 E0505 E0506 E0507 E0508 E0509 E0510 E0511 E0512 E0601 E0602 E0603 E0604 E0605
    E0606 E0607 E0608 E0609 E0610 E0611 E0701 E0702 E0703 E0704 E0705 E0706 E0707 E0708 E0709 E0710
    E0801 E0802 E0803 E0804 E0805 E0806 E0807 E0808 E0809 E0810 E0811 E0812 E0901 E0902 E0903 E0904
    E0905 E1001 E1002 E1003 E1004 E1005 E1006 E1007 E1008 E1009 E1101 E1102 E1103 E1104 E1105 E1106
    E1107 E1108 E1109 E1110 E1111 E1112 E1113 E1114 E1201 E1202 E1203 E1204 E1205 E1206 E1301 E1401
    E1402 E1403 E1404 E1405 E1406 E1407 E1408 W0401 W0501 W0601 W0602 W0603 W0604 W0605 W0701 W0801
    W1101 W1201
}
