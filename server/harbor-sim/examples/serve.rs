//! Runs the simulator until Ctrl-C: `cargo run -p harbor-sim --example serve -- 127.0.0.1:8085 [data folder]`.

use harbor_sim::{Account, Config, Seed};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments.next().unwrap_or_else(|| "127.0.0.1:8085".to_owned()).parse()?;
    let data = arguments.next().map(Into::into);
    let users = vec![Account { username: "dev-a".to_owned(), password: "Developer-1".to_owned() }];
    let config = Config { listen, data, users, seed: Some(Seed::Demo), ..Config::default() };
    let harbor = harbor_sim::start(config).await?;
    println!("{} as {}", harbor.url(), harbor.admin().0);
    tokio::signal::ctrl_c().await?;
    Ok(harbor.stop().await?)
}
