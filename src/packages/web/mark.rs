//! By what a server can tell whether a file is still the one that it sent.
//!
//! In: the headers of an answer, or a word that was kept. Out: what the next request names: the ETag or, from servers that
//! know none, the date of the last change. Deliberately not here: whether a copy may be used at all (`remote`).
//!
//! A date has seconds only, so two versions can have the same one. It counts where the answer is so much younger that the
//! second was over before (RFC 9110, 8.8.2.2), and where it is no date that some tools give to all files.

use ureq::http::{HeaderMap, HeaderName, header};

const MAX_TAG_BYTES: usize = 256;
/// One suffices within one clock; files may lie on a machine of their own.
const MIN_SECONDS_BETWEEN: u64 = 2;
/// Images and archives that anybody can build again carry 1970-01-01 or 1980-01-01 for everything in them.
const FIRST_OF_FILES: u64 = 316_000_000;

/// Kept as one word: an ETag as it stands, a date as `@Sat,_21_Nov_2026_15:03:41_GMT`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Mark {
    Tag(String),
    Date(String),
}

impl Mark {
    pub(super) fn of(headers: &HeaderMap) -> Option<Mark> {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let is_plain = |tag: &&str| tag.len() <= MAX_TAG_BYTES && tag.bytes().all(|byte| byte.is_ascii_graphic());
        if let Some(tag) = text(header::ETAG).filter(is_plain) {
            return Some(Mark::Tag(tag.to_owned()));
        }
        let (changed, answered) = (text(header::LAST_MODIFIED)?, seconds(text(header::DATE)?)?);
        let at = seconds(changed)?;
        let is_over = at >= FIRST_OF_FILES && at.saturating_add(MIN_SECONDS_BETWEEN) <= answered;
        is_over.then(|| Mark::Date(changed.to_owned()))
    }

    pub(in crate::packages) fn from_word(word: &str) -> Option<Mark> {
        match word.strip_prefix('@') {
            Some(date) => Some(date.replace('_', " ")).filter(|date| seconds(date).is_some()).map(Mark::Date),
            None => (word != "-").then(|| Mark::Tag(word.to_owned())),
        }
    }

    pub(in crate::packages) fn to_word(&self) -> String {
        match self {
            Mark::Tag(tag) => tag.clone(),
            Mark::Date(date) => format!("@{}", date.replace(' ', "_")),
        }
    }

    pub(super) fn condition(&self) -> (HeaderName, &str) {
        match self {
            Mark::Tag(tag) => (header::IF_NONE_MATCH, tag),
            Mark::Date(date) => (header::IF_MODIFIED_SINCE, date),
        }
    }
}

/// Since 1970, of a date as HTTP writes it: `Sat, 21 Nov 2026 15:03:41 GMT`.
fn seconds(date: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let [_, day, month, year, time, "GMT"] = date.split(' ').collect::<Vec<_>>()[..] else { return None };
    let number = |text: &str, below: u64| text.parse::<u64>().ok().filter(|number| *number < below);
    let [hour, minute, second] = time.split(':').collect::<Vec<_>>()[..] else { return None };
    let (hour, minute, second) = (number(hour, 24)?, number(minute, 60)?, number(second, 61)?);
    let month = MONTHS.iter().position(|name| *name == month)? as u64;
    let (day, year) = (number(day, 32)?, number(year, 10_000).filter(|year| *year >= 1970)?);
    // Years begin in March here, so that the day of a leap year is the last one of its year.
    let (year, month) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    Some(days.checked_sub(719_469)? * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(headers: &[(HeaderName, &str)]) -> Option<Mark> {
        let value = |(name, value): &(HeaderName, &str)| (name.clone(), value.parse().expect("value"));
        Mark::of(&headers.iter().map(value).collect())
    }

    #[test]
    fn dates_are_read() {
        assert_eq!(seconds("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(seconds("Thu, 29 Feb 2024 23:59:59 GMT"), Some(1_709_251_199));
        assert_eq!(seconds("Fri, 01 Mar 2024 00:00:00 GMT"), Some(1_709_251_200));
        for bad in ["", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Nov 1994 8:49 GMT"]
        {
            assert_eq!(seconds(bad), None, "{bad}");
        }
        for bad in ["Mon, 01 Jan 1900 00:00:00 GMT", "Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_date_counts_when_its_second_is_over() {
        let changed = "Sat, 21 Nov 2026 15:03:41 GMT";
        let at = |answered: &str| marked(&[(header::LAST_MODIFIED, changed), (header::DATE, answered)]);
        let mark = Mark::Date(changed.to_owned());
        assert_eq!(at("Sat, 21 Nov 2026 15:03:43 GMT"), Some(mark.clone()));
        assert_eq!(at("Sat, 21 Nov 2026 15:03:42 GMT"), None);
        assert_eq!(at("Sat, 21 Nov 2026 14:03:43 GMT"), None);
        assert_eq!(marked(&[(header::LAST_MODIFIED, changed)]), None);
        let plain = "Tue, 01 Jan 1980 00:00:00 GMT";
        assert_eq!(marked(&[(header::LAST_MODIFIED, plain), (header::DATE, changed)]), None);
        // An ETag says more.
        let tag = Mark::Tag("\"a\"".to_owned());
        assert_eq!(marked(&[(header::LAST_MODIFIED, changed), (header::ETAG, "\"a\"")]), Some(tag.clone()));
        for mark in [mark, tag] {
            assert_eq!(Mark::from_word(&mark.to_word()), Some(mark));
        }
        assert_eq!((Mark::from_word("-"), Mark::from_word("@now")), (None, None));
    }
}
