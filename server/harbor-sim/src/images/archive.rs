//! Just enough of tar (POSIX ustar) and gzip (RFC 1952, with stored blocks of RFC 1951) to write layers that every tool
//! reads. Nothing depends on a clock or a library's version, so digests stay the same for ever.

use super::File;

/// A tar block.
const BLOCK: usize = 512;
/// The largest stored block of deflate.
const STORED_MAX: usize = 65_535;
/// 2026-01-01, the time of every file.
const MODIFIED_S: u64 = 1_767_225_600;

/// A tar archive with the files and the folders above them.
pub fn tar(files: &[File<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut folders: Vec<String> = Vec::new();
    for file in files {
        let mut at = 0;
        while let Some(slash) = file.path[at..].find('/') {
            at += slash + 1;
            let folder = file.path[..at].to_owned();
            if !folders.contains(&folder) {
                entry(&mut out, &folder, 0o755, b'5', &[]);
                folders.push(folder);
            }
        }
        entry(&mut out, file.path, file.mode, b'0', file.content);
    }
    out.resize(out.len() + 2 * BLOCK, 0);
    out
}

fn entry(out: &mut Vec<u8>, path: &str, mode: u32, kind: u8, content: &[u8]) {
    let mut head = [0_u8; BLOCK];
    let name = path.as_bytes();
    let length = name.len().min(100);
    head[..length].copy_from_slice(&name[..length]);
    field(&mut head, 100, &format!("{mode:07o}\0"));
    field(&mut head, 108, "0000000\0");
    field(&mut head, 116, "0000000\0");
    field(&mut head, 124, &format!("{:011o}\0", content.len()));
    field(&mut head, 136, &format!("{MODIFIED_S:011o}\0"));
    field(&mut head, 148, "        ");
    head[156] = kind;
    field(&mut head, 257, "ustar\x0000");
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    field(&mut head, 148, &format!("{sum:06o}\0 "));
    out.extend_from_slice(&head);
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(BLOCK), 0);
}

fn field(head: &mut [u8; BLOCK], at: usize, text: &str) {
    head[at..at + text.len()].copy_from_slice(text.as_bytes());
}

/// Gzip without compression.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let last = bytes.len().div_ceil(STORED_MAX).max(1) - 1;
    let mut pieces = bytes.chunks(STORED_MAX);
    for at in 0..=last {
        let piece = pieces.next().unwrap_or_default();
        let length = u16::try_from(piece.len()).unwrap_or(u16::MAX);
        out.push(u8::from(at == last));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(piece);
    }
    out.extend_from_slice(&crc32(bytes).to_le_bytes());
    let size = u32::try_from(bytes.len() as u64 % (1 << 32)).unwrap_or(0);
    out.extend_from_slice(&size.to_le_bytes());
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut table = [0_u32; 256];
    for (start, slot) in (0_u32..).zip(table.iter_mut()) {
        *slot = (0..8).fold(start, |value, _| if value & 1 == 1 { (value >> 1) ^ 0xedb8_8320 } else { value >> 1 });
    }
    !bytes.iter().fold(!0_u32, |value, byte| table[usize::from((value as u8) ^ byte)] ^ (value >> 8))
}

/// Pseudo-random bytes from a seed (splitmix64): cheap, and the same for ever.
pub fn noise(seed: &str, size_bytes: usize) -> Vec<u8> {
    let mut state = seed.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut out = Vec::with_capacity(size_bytes + 8);
    while out.len() < size_bytes {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        out.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    out.truncate(size_bytes);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_rfc_1952() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn an_empty_gzip_has_one_final_block() {
        assert_eq!(gzip(b"")[10..15], [1, 0, 0, 0xff, 0xff]);
    }

    #[test]
    fn noise_depends_on_the_seed_alone() {
        assert_eq!(noise("a", 33), noise("a", 33));
        assert_ne!(noise("a", 33), noise("b", 33));
    }
}
