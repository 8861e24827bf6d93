//! Making a vault, or adopting one that is there already: in a folder or in an S3 bucket.

use leptos::prelude::*;

use super::calls::CreateVault;
use super::lock::LockFields;
use crate::accounts::types::Duty;
use crate::text::t;
use crate::ui::*;

/// The page.
#[component]
pub fn NewVaultPage() -> impl IntoView {
    let crumbs = vec![(t("Vaults", "保管库").to_owned(), "/vaults".to_owned())];
    view! {
        <PageHead title=t("Choose the place that keeps the backups.", "选择存放备份的位置。") crumbs=crumbs here=t("New", "新建")>
            {t("A place that holds a vault already is adopted with all its snapshots: that is how one starts again after a disaster.", "若该位置已有保管库，将连同其全部快照一并接管，灾难后即可由此重新开始。")}
        </PageHead>
        <IfDuty duty=Duty::Operator>
            <PostForm call=CreateVault::PATH prefix="form">
                <Place/>
                <Bar>
                    <SubmitButton text=t("Make or adopt the vault", "创建或接管保管库") kind=ButtonKind::Primary/>
                    <LinkButton href="/vaults" text=t("Leave it", "取消")/>
                </Bar>
            </PostForm>
        </IfDuty>
        <CliTwin command="breakwater vault init /srv/breakwater/vault"/>
    }
    .into_any()
}

/// Both kinds are in the page, so that the choice needs no script: the style shows the fields of the chosen one.
#[component]
fn Place() -> impl IntoView {
    let kinds = vec![
        ("directory".to_owned(), t("A folder on durable disk", "持久磁盘上的目录").to_owned()),
        ("bucket".to_owned(), t("An S3 bucket", "S3 存储桶").to_owned()),
    ];
    view! {
        <div class="either">
            <Field name="name" label=t("Name", "名称") mono=true placeholder="main" hint=t("1 to 63 of a-z, 0-9 and hyphen", "1 至 63 个字符：a-z、0-9、连字符")/>
            <Select name="kind" label=t("Where", "位置") options=kinds value="directory"/>
            <div class="for-directory">
                <Field name="path" label=t("Folder", "目录") mono=true placeholder="/srv/breakwater/vault"
                    hint=t("Absolute, on durable disk, the same on the server and every worker. It is made if missing.", "绝对路径，位于持久磁盘，服务器与各工作进程一致；不存在则创建。")/>
            </div>
            <fieldset class="for-bucket">
                <legend>{t("Bucket", "存储桶")}</legend>
                <p class="note">
                    {t(
                        "What a vault needs of it is tried first, in a folder of its own: that nothing is overwritten, that damaged bytes are refused, that what is put is read back.",
                        "会先在单独的目录中检验保管库所需的能力：不覆盖、拒绝损坏的数据、写入可读回。",
                    )}
                </p>
                <div class="two">
                    <Field name="bucket" label=t("Bucket", "存储桶") mono=true placeholder="harbor-backups" hint=t("It must exist.", "须已存在。")/>
                    <Field name="prefix" label=t("Folder in it", "桶内目录") mono=true optional=true placeholder="breakwater"/>
                </div>
                <Reach endpoint="" region="" access_key="" path_style=true plain_http=false ca_pem=""/>
                <Field name="secret" label=t("Secret key", "私密密钥") kind="password" autocomplete="new-password" hint=t("Stored encrypted, never shown again.", "加密保存，不再显示。")/>
                <LockFields days=0 mode="governance"/>
            </fieldset>
        </div>
    }
    .into_any()
}

/// How a bucket is reached, but for its secret.
#[component]
pub fn Reach(
    #[prop(into)] endpoint: String,
    #[prop(into)] region: String,
    #[prop(into)] access_key: String,
    path_style: bool,
    plain_http: bool,
    #[prop(into)] ca_pem: String,
) -> impl IntoView {
    view! {
        <Field name="endpoint" label=t("Address of the S3 server", "S3 服务器地址") kind="url" mono=true value=endpoint placeholder="https://s3.example.org"/>
        <div class="two">
            <Field name="region" label=t("Region", "区域") mono=true optional=true value=region placeholder="us-east-1"/>
            <Field name="access_key" label=t("Access key", "访问密钥") mono=true value=access_key/>
        </div>
        <Checkbox name="path_style" label=t("Name the bucket in the path", "在路径中指定存储桶") checked=path_style hint=t("Servers of one's own usually need it; AWS takes both.", "自建服务器通常需要；AWS 两者均可。")/>
        <Checkbox name="plain_http" label=t("Allow plain http", "允许明文 http") checked=plain_http hint=t("Images travel unprotected. The secret itself is never sent.", "镜像将以明文传输；私密密钥本身不会发送。")/>
        <TextArea name="ca_pem" label=t("Certificate of its own authority", "自有 CA 证书") value=ca_pem hint=t("PEM; only where the certificate is not publicly trusted", "PEM 格式；仅在证书非公共信任时填写") optional=true mono=true/>
    }
    .into_any()
}
