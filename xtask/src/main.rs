//! Builds the console's files without any tool but cargo: `cargo xtask site [--release]`, and `cargo xtask build [--release]` for
//! those and the server.
//!
//! The site is `<target>/site`: in `pkg` the scripts as they stand in `script`, `breakwater.css` and the fonts, and beside it the files of
//! `style/public`. It is made anew each time, so nothing of before stays. Release builds add `.br` and `.gz` beside each file.

use std::error::Error;
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

type Outcome = Result<(), Box<dyn Error>>;

/// Name of the console's files.
const NAME: &str = "breakwater";
/// Brotli's hardest setting and its window.
const BROTLI: (u32, u32) = (11, 22);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let release = args.iter().any(|a| a == "--release");
    let done = match args.first().map(String::as_str) {
        Some("site") => site(release),
        Some("css") => css(&site_dir().join("pkg")),
        Some("build") => site(release).and_then(|()| server(release)),
        _ => Err("usage: cargo xtask site|css|build [--release]".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace this was started in. Asked when it runs: what was compiled in may be another clone's.
fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").and_then(|here| Path::new(&here).parent().map(Path::to_path_buf)).unwrap_or_default()
}

fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

fn site_dir() -> PathBuf {
    target_dir().join("site")
}

fn site(release: bool) -> Outcome {
    let pkg = site_dir().join("pkg");
    if site_dir().exists() {
        fs::remove_dir_all(site_dir())?;
    }
    css(&pkg)?;
    copy_files(&root().join("script"), &pkg)?;
    copy_files(&root().join("style/public"), &site_dir())?;
    copy_files(&root().join("style/fonts"), &pkg)?;
    if release {
        for folder in [site_dir(), pkg] {
            compress(&folder)?;
        }
    }
    println!("site: {}", site_dir().display());
    Ok(())
}

fn copy_files(from: &Path, to: &Path) -> Outcome {
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        if let Some(name) = path.file_name() {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

fn cargo(args: &[&str]) -> Outcome {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo).args(args).current_dir(root()).status()?;
    if status.success() { Ok(()) } else { Err(format!("cargo {} failed", args.join(" ")).into()) }
}

fn css(pkg: &Path) -> Outcome {
    fs::create_dir_all(pkg)?;
    let style = root().join("style");
    let options = grass::Options::default().style(grass::OutputStyle::Compressed).load_path(&style);
    let sheet = grass::from_path(style.join("main.scss"), &options)?;
    fs::write(pkg.join(format!("{NAME}.css")), sheet)?;
    Ok(())
}

/// Writes the compressed forms of every file of a folder.
fn compress(folder: &Path) -> Outcome {
    let files: Vec<PathBuf> = fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    for path in files {
        // A font is packed in itself.
        let dense = matches!(path.extension().and_then(OsStr::to_str), Some("woff2"));
        if dense || !path.is_file() {
            continue;
        }
        let bytes = fs::read(&path)?;
        let beside = |suffix: &str| PathBuf::from(format!("{}.{suffix}", path.display()));
        let mut brotli = brotli::CompressorWriter::new(Vec::new(), 1 << 16, BROTLI.0, BROTLI.1);
        brotli.write_all(&bytes)?;
        fs::write(beside("br"), brotli.into_inner())?;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&bytes)?;
        fs::write(beside("gz"), gzip.finish()?)?;
    }
    Ok(())
}

fn server(release: bool) -> Outcome {
    let mut args = vec!["build", "--package", "server"];
    if release {
        args.push("--release");
    }
    cargo(&args)
}
