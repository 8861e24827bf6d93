//! Runs one target on one file: `cargo run -p hostile --example again -- indexes fuzz/artifacts/indexes/crash-…`.

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (target, file) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    hostile::run(&target, &std::fs::read(file)?);
    Ok(())
}
