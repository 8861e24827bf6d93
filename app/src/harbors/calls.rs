//! Calls about harbors.

use leptos::prelude::*;

use crate::error::ApiError;
use crate::harbors::types::{ChangeHarbor, CheckList, Harbor, NewHarbor, RenewLogins, Renewed, StagingForm};

/// All harbors the caller sees.
pub async fn list_harbors() -> Result<Vec<Harbor>, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().list_harbors(&cx()).await)
}

/// One harbor.
pub async fn get_harbor(harbor: String) -> Result<Harbor, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().get_harbor(&cx(), harbor).await)
}

/// The newest kept check-list of a harbor.
pub async fn get_last_check(harbor: String) -> Result<Option<CheckList>, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().last_check(&cx(), harbor).await)
}

/// Registers a harbor and goes to its page.
#[server(prefix = "/fn", endpoint = "harbors/create")]
pub async fn create_harbor(form: NewHarbor) -> Result<Harbor, ApiError> {
    use crate::ports::{answer_form, backend, cx, done, keep};
    let kept = keep::<CreateHarbor>(&form);
    let harbor = answer_form::<CreateHarbor, _>(backend().create_harbor(&cx(), form).await, kept)?;
    done(&format!("/harbors/{}?tab=check", harbor.name), "The harbor is registered.", "Harbor 已登记。").await;
    Ok(harbor)
}

/// Tests a connection that is not stored, and comes back to the form with the list.
#[server(prefix = "/fn", endpoint = "harbors/try")]
pub async fn try_harbor(form: NewHarbor) -> Result<CheckList, ApiError> {
    use crate::ports::{answer_form, back_with, backend, cx, keep};
    let kept = keep::<TryHarbor>(&form);
    let list = answer_form::<TryHarbor, _>(backend().try_harbor(&cx(), form).await, kept.clone())?;
    back_with::<TryHarbor>(kept, &[("list", &serde_json::to_string(&list).unwrap_or_default())]);
    Ok(list)
}

/// Changes address or logins.
#[server(name = ChangeHarborCall, prefix = "/fn", endpoint = "harbors/change")]
pub async fn change_harbor(form: ChangeHarbor) -> Result<Harbor, ApiError> {
    use crate::ports::{answer_form, backend, cx, done, keep};
    let kept = keep::<ChangeHarborCall>(&form);
    let harbor = answer_form::<ChangeHarborCall, _>(backend().change_harbor(&cx(), form).await, kept)?;
    done(&format!("/harbors/{}?tab=settings", harbor.name), "The new settings were tested and saved.", "新设置已测试并保存。").await;
    Ok(harbor)
}

/// Allows reading through a staging project, or ends that.
#[server(name = SetStaging, prefix = "/fn", endpoint = "harbors/staging")]
pub async fn set_staging(form: StagingForm) -> Result<Harbor, ApiError> {
    use crate::ports::{answer_form, backend, cx, done, keep};
    let kept = keep::<SetStaging>(&form);
    let harbor = answer_form::<SetStaging, _>(backend().set_staging(&cx(), form).await, kept)?;
    let (en, zh) = match (harbor.staging.on, &harbor.staging.project) {
        (true, _) => ("Images that a policy blocks are read from the next run on.", "自下次运行起，将读取被策略拦截的镜像。"),
        (false, None) => ("It is off, and the staging project is gone.", "已关闭，暂存项目已删除。"),
        (false, Some(_)) => ("It is off; the staging project could not be removed yet.", "已关闭；暂存项目暂未能删除。"),
    };
    done(&format!("/harbors/{}?tab=settings", harbor.name), en, zh).await;
    Ok(harbor)
}

/// Makes the logins of a harbor anew.
#[server(name = RenewLoginsCall, prefix = "/fn", endpoint = "harbors/logins")]
pub async fn renew_logins(form: RenewLogins) -> Result<Renewed, ApiError> {
    use crate::ports::{answer_form, backend, cx, go, keep};
    let kept = keep::<RenewLoginsCall>(&form);
    let renewed = answer_form::<RenewLoginsCall, _>(backend().renew_logins(&cx(), form).await, kept)?;
    let left = renewed.left.join(", ");
    let lang = crate::session::display::Display::here().lang;
    let text = match renewed.left.is_empty() {
        true => lang.pick(
            "The new logins were tested and stored; the old ones are gone.".to_owned(),
            "新登录已测试并保存，旧登录已删除。".to_owned(),
        ),
        false => lang.pick(
            format!("The new logins were tested and stored. Still in Harbor, made by others or used by work under way: {left}."),
            format!("新登录已测试并保存。以下登录仍在 Harbor 中（由他人创建或正被进行中的任务使用）：{left}。"),
        ),
    };
    backend().leave_flash(&cx(), &text).await;
    go(&format!("/harbors/{}?tab=settings", renewed.harbor.name));
    Ok(renewed)
}

/// Tests a registered harbor again and shows the list.
#[server(prefix = "/fn", endpoint = "harbors/check")]
pub async fn check_harbor(harbor: String) -> Result<CheckList, ApiError> {
    use crate::ports::{answer, backend, cx, go};
    let list = answer(backend().check_harbor(&cx(), harbor.clone()).await)?;
    go(&format!("/harbors/{harbor}?tab=check"));
    Ok(list)
}

/// Asks for the projects of a harbor now and goes to the job.
#[server(prefix = "/fn", endpoint = "harbors/inventory")]
pub async fn list_projects_now(harbor: String) -> Result<i64, ApiError> {
    use crate::ports::{answer, backend, cx, go};
    let job = answer(backend().list_projects_now(&cx(), harbor).await)?;
    go(&format!("/jobs/{job}"));
    Ok(job)
}

/// Forgets a harbor.
#[server(prefix = "/fn", endpoint = "harbors/remove")]
pub async fn remove_harbor(harbor: String, confirm: String) -> Result<(), ApiError> {
    use crate::ports::{answer, backend, cx, done};
    answer(backend().remove_harbor(&cx(), harbor, confirm).await)?;
    done("/harbors", "The harbor was removed; its backups stay.", "Harbor 已移除，其备份保留。").await;
    Ok(())
}
