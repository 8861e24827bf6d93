//! Making a vault, or adopting one that is in the folder already.

use leptos::prelude::*;

use super::calls::CreateVault;
use crate::text::t;
use crate::ui::*;

/// The page.
#[component]
pub fn NewVaultPage() -> impl IntoView {
    let action = ServerAction::<CreateVault>::new();
    let crumbs = vec![(t("Vaults", "保管库").to_owned(), "/vaults".to_owned())];
    view! {
        <PageHead title=t("Choose the folder that keeps the backups.", "选择存放备份的目录。") crumbs=crumbs here=t("New", "新建")>
            {t("A folder that holds a vault already is adopted with all its snapshots: that is how one starts again after a disaster.", "若目录中已有保管库，将连同其全部快照一并接管，灾难后即可由此重新开始。")}
        </PageHead>
        <PostForm action=action prefix="form">
            <Field name="name" label=t("Name", "名称") mono=true placeholder="main" hint=t("1 to 63 of a-z, 0-9 and hyphen", "1 至 63 个字符：a-z、0-9、连字符")/>
            <Field name="path" label=t("Folder", "目录") mono=true placeholder="/srv/breakwater/vault"
                hint=t("Absolute, on durable disk, the same on the server and every worker. It is made if missing.", "绝对路径，位于持久磁盘，服务器与各工作进程一致；不存在则创建。")/>
            <Bar>
                <SubmitButton text=t("Make or adopt the vault", "创建或接管保管库") kind=ButtonKind::Primary/>
                <LinkButton href="/vaults" text=t("Leave it", "取消")/>
            </Bar>
        </PostForm>
        <CliTwin command="breakwater vault init /srv/breakwater/vault"/>
    }
    .into_any()
}
