use clap::Args; #[derive(Args)] pub struct Demo{} pub async fn demo(_a:Demo)->Result<(),super::CliError>{Ok(())}
