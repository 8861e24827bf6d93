//! The bucket of a vault: how it is reached, what was tried of it, and how to change that.

use leptos::prelude::*;

use super::calls::{ChangeBucketCall, CheckBucket};
use super::form_page::Reach;
use super::types::Bucket;
use crate::accounts::types::Duty;
use crate::harbors::check_list::CheckListView;
use crate::text::t;
use crate::ui::*;

/// What was tried of the bucket.
pub fn tried_panel(bucket: &Bucket) -> AnyView {
    let checks = bucket.checks.clone();
    view! { <Panel title=t("What was tried", "检验结果")><CheckListView list=checks/></Panel> }.into_any()
}

/// How the bucket is reached, and how to change that.
pub fn bucket_panel(vault_id: i64, bucket: Bucket) -> AnyView {
    let (set_at, set_by) = bucket.secret_set.clone();
    let plain = bucket.plain_http.then(|| view! { <Status tone=Tone::Warn text=t("plain http", "明文 http")/> });
    let Bucket { endpoint, region, access_key, prefix, .. } = bucket.clone();
    let name = bucket.bucket.clone();
    let folder = (!prefix.is_empty()).then(|| view! { <Kv key=t("Folder in it", "桶内目录")><code class="mono">{prefix}</code></Kv> });
    view! {
        <Panel title=t("Bucket", "存储桶")>
            <KeyValue>
                <Kv key=t("Server", "服务器")><code class="mono">{endpoint}</code>" "{plain}</Kv>
                <Kv key=t("Bucket", "存储桶")><code class="mono">{name}</code></Kv>
                {folder}
                <Kv key=t("Region", "区域")><code class="mono">{region}</code></Kv>
                <Kv key=t("Access key", "访问密钥")><code class="mono">{access_key}</code></Kv>
                <Kv key=t("Secret set", "密钥设置于")><When at=set_at brief=true/>", "{set_by}</Kv>
            </KeyValue>
        </Panel>
        <IfDuty duty=Duty::Operator>
            <Panel title=t("Access", "访问")  padded=true>
                <PostForm call=CheckBucket::PATH class="form inline">
                    <Hidden name="vault_id" value=vault_id.to_string()/>
                    <SubmitButton text=t("Try it again", "重新检验")/>
                </PostForm>
                <details>
                    <summary>{t("Change how it is reached", "更改访问方式")}</summary>
                    <PostForm call=ChangeBucketCall::PATH prefix="form">
                        <Change vault_id=vault_id bucket=bucket.clone()/>
                        <SubmitButton text=t("Test and save", "测试并保存") kind=ButtonKind::Primary/>
                    </PostForm>
                </details>
            </Panel>
        </IfDuty>
    }
    .into_any()
}

#[component]
fn Change(vault_id: i64, bucket: Bucket) -> impl IntoView {
    view! {
        <Hidden name="vault_id" value=vault_id.to_string()/>
        <Reach endpoint=bucket.endpoint region=bucket.region access_key=bucket.access_key path_style=bucket.path_style plain_http=bucket.plain_http ca_pem=bucket.ca_pem/>
        <Field name="secret" label=t("Secret key", "私密密钥") kind="password" optional=true autocomplete="new-password"
            hint=t("Empty keeps the stored one; another address or key needs it again.", "留空则保留已存密钥；更换地址或访问密钥时须重新填写。")/>
    }
    .into_any()
}
