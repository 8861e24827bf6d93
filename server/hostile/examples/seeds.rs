//! Writes the known bodies of every target as files, for cargo-fuzz to begin with: `cargo run -p hostile --example seeds -- fuzz/corpus`.

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| "fuzz/corpus".into()));
    for target in hostile::TARGETS {
        let folder = folder.join(target.name);
        std::fs::create_dir_all(&folder)?;
        for (number, bytes) in hostile::corpus(target.name).iter().enumerate() {
            std::fs::write(folder.join(format!("known-{number:04}")), bytes)?;
        }
    }
    Ok(())
}
