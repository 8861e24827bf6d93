//! Changing a harbor's address and logins: new secrets are tested before they take the place of the old.

use leptos::prelude::*;

use super::calls::ChangeHarborCall;
use super::types::Harbor;
use crate::text::t;
use crate::ui::*;

/// The form.
#[component]
pub fn SettingsForm(harbor: Harbor) -> impl IntoView {
    let unchanged = t("Empty: as it is", "留空则不变");
    view! {
        <PostForm call=ChangeHarborCall::PATH prefix="form">
            <Hidden name="harbor" value=harbor.name.clone()/>
            <Field name="url" label=t("Address", "地址") kind="url" mono=true value=harbor.url.clone() hint=t("A new address needs the secrets again", "更改地址需重新填写密钥")/>
            <Checkbox name="plain_http" label=t("Allow plain http", "允许明文 http") checked=harbor.plain_http/>
            <div class="two">
                <Field name="read_login" label=t("Login for backup", "备份登录") mono=true value=harbor.read_login.clone()/>
                <Field name="read_secret" label=t("Secret", "密钥") kind="password" optional=true hint=unchanged/>
            </div>
            <div class="two">
                <Field name="write_login" label=t("Login for restore", "恢复登录") mono=true value=harbor.write_login.clone().unwrap_or_default() optional=true/>
                <Field name="write_secret" label=t("Secret", "密钥") kind="password" optional=true hint=unchanged/>
            </div>
            <TextArea name="ca_pem" label=t("Certificate of its own authority", "自有 CA 证书") optional=true mono=true hint=t("PEM; empty: as it is", "PEM 格式；留空则不变")/>
            <div class="two">
                <TextArea name="bandwidth" label=t("How fast backups may read", "备份读取限速") mono=true optional=true value=harbor.bandwidth.join("\n") hint=t("One span a line: 08:00-18:00 20 MiB/s. Outside of them there is no cap; restores are not slowed.", "每行一个时段：08:00-18:00 20 MiB/s。其他时间不限速；恢复不受影响。")/>
                <Field name="bandwidth_zone" label=t("Time zone", "时区") mono=true value=harbor.bandwidth_zone.clone() hint="Asia/Shanghai, Europe/Berlin, UTC …"/>
            </div>
            <Bar>
                <SubmitButton text=t("Test, then save", "测试并保存") kind=ButtonKind::Primary/>
                <LinkButton href=format!("/harbors/{}", harbor.name) text=t("Leave it", "取消")/>
            </Bar>
        </PostForm>
    }
    .into_any()
}
