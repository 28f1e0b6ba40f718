//! Reservations of address space.
//!
//! In: how much somebody would like, and the least that will do. Out: a private mapping; where address space is limited
//! (`RLIMIT_AS`), one that leaves room for what others reserve later. Deliberately not here: what the memory is for.

/// Everything that is reserved once.
pub(crate) struct Wish {
    pub(crate) bytes: usize,
    pub(crate) bytes_min: usize,
    /// Of the largest size that the system agrees to, if that is less than wished.
    pub(crate) share: usize,
    /// More flags of `mmap`.
    pub(crate) flags: i32,
    /// An address to begin with; 0 leaves it to the system.
    pub(crate) hint: usize,
}

/// Where the mapping begins, and the size of which `mapped_bytes` are mapped: the wish, halved some times.
pub(crate) fn reserve(wish: &Wish, mapped_bytes: impl Fn(usize) -> usize) -> Option<(usize, usize)> {
    let map = |bytes: usize| {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | wish.flags;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a fresh private mapping; the address is a hint only.
        let start = unsafe { libc::mmap(wish.hint as *mut _, mapped_bytes(bytes), protection, flags, -1, 0) };
        (start != libc::MAP_FAILED).then_some((start as usize, bytes))
    };
    let mut sizes = core::iter::successors(Some(wish.bytes), |bytes| Some(bytes / 2));
    let (start, bytes) = sizes.by_ref().take_while(|bytes| *bytes >= wish.bytes_min).find_map(map)?;
    if bytes == wish.bytes {
        return Some((start, bytes));
    }
    // SAFETY: just mapped, and unused.
    unsafe { libc::munmap(start as *mut _, mapped_bytes(bytes)) };
    map((bytes / wish.share).max(wish.bytes_min))
}
