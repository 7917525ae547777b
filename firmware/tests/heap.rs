//! What the heap keeps of what it was given back: a call's pictures are large, and several threads make them.

#![allow(clippy::unwrap_used)]

use std::hint::black_box;

const KIB: usize = 1024;
/// What a picture takes at most, and what a call takes in all.
const LARGE: usize = 16 * KIB * KIB;
const PIECES: usize = 384;
const PIECE: usize = 64 * KIB;

#[test]
fn what_threads_took_and_gave_back_is_the_systems_again() {
    doorwayd::heap::set_up();
    let before = resident_kib();
    // By itself the allocator keeps twice as much as the largest buffer that it ever freed, and a heap for each thread.
    black_box(vec![1_u8; LARGE]);
    let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(|| black_box(vec![vec![1_u8; PIECE]; PIECES]))).collect();
    let taken: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let during = resident_kib();
    drop(taken);
    let after = resident_kib();
    assert!(during > before + 90_000, "{during} KiB while it was in use, {before} KiB before");
    assert!(after < before + 24_000, "{after} KiB afterwards, {before} KiB before");
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}
