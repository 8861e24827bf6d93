//! Why a call is refused: what is at fault with a form or request about harbors.

use super::checks::{Advice, Detail, Heading};
use crate::sentence::{Said, en, sentences, zh};
use crate::text::Lang::ZhCn;
use crate::units::listed;

sentences! {
    /// Why a call is refused.
    #[schema(as = HarborRefusal)]
    pub enum Refusal {
        /// Two harbors, one name.
        HarborNameTaken => ("a harbor of this name is registered already"), ("已登记同名 Harbor");
        /// A name with a past.
        NameOfAnother => ("this name belonged to a harbor with another address; choose another name"), ("此名称曾属于另一地址的 Harbor，请另选");
        /// No name.
        HarborNameForm => ("use 1 to 63 lower-case letters, digits and dashes, beginning and ending with a letter or digit"), ("请使用 1 至 63 个小写字母、数字或短横线，首尾为字母或数字");
        /// No login.
        GiveLogin => ("give a login for backup, or an administrator's login to make one"), ("请填写备份登录，或用于创建备份登录的管理员登录");
        /// Too long.
        SecretLong => ("this is too long for a secret"), ("作为密钥过长");
        /// No secret.
        ReadSecret => ("give the secret of the backup login"), ("请填写备份登录的密钥");
        /// No secret.
        WriteSecret => ("give the secret of the restore login"), ("请填写恢复登录的密钥");
        /// No login.
        StagingNeedsLogin => ("reading what a policy blocks needs a login of its own: give one with its project, or an administrator's login to make both"), ("读取被策略拦截的镜像需要单独的登录：请连同项目一起填写，或提供管理员登录以创建两者");
        /// A login for another address.
        StagingOffFirst => ("switch reading through a staging project off first: its login is never sent to another address"), ("请先关闭通过暂存项目读取：其登录绝不会发送到其他地址");
        /// Another address.
        SecretsAgain => ("a new address needs the secrets again, so that no old one is sent to it"), ("更换地址须重新填写密钥，以免旧密钥被发往新地址");
        /// No secret.
        LoginSecret => ("give the secret of this login"), ("请填写此登录的密钥");
        /// A wrong password.
        AdminRefused => ("the harbor refuses this administrator's login; nothing was made"), ("Harbor 拒绝此管理员登录；未创建任何内容");
        /// No administrator.
        NotAdmin => ("this login may not make system robots; use an administrator's"), ("此登录无权创建系统机器人账号，请使用管理员登录");
        /// No administrator.
        AdminLists => ("this login may not list robots; use an administrator's"), ("此登录无权列出机器人账号，请使用管理员登录");
        /// No login.
        GiveAdmin => ("give an administrator's login; it is used once"), ("请填写管理员登录，仅使用一次");
        /// No password.
        GiveAdminPassword => ("give the administrator's password; it is used once"), ("请填写管理员密码，仅使用一次");
        /// Changed meanwhile.
        ChangedMeanwhile => ("somebody changed this harbor meanwhile; look at it and try again"), ("期间有人更改了此 Harbor；请查看后重试");
        /// No secret.
        StagingSecret => ("give the secret of the login for staging"), ("请填写暂存登录的密钥");
        /// No project.
        StagingProject {
            /// How its name begins.
            prefix: String,
        } => ("give the project made for this, which is called {prefix}…"), ("请填写为此创建的项目，其名称以 {prefix} 开头");
        /// No login.
        StagingAdmin => ("give an administrator's login, which is used once, or a project and a login made by hand: the login for backup only reads"), ("请提供仅使用一次的管理员登录，或手动创建的项目与登录：备份登录只读");
        /// It is on.
        StagingOn => ("it is on already; switch it off first to make it anew"), ("已启用；如需重建，请先关闭");
        /// No administrator.
        StagingNotAdmin => ("this login may not make projects and robots; use an administrator's"), ("此登录无权创建项目与机器人，请使用管理员登录");
        /// Not empty.
        StagingForeign {
            /// The project.
            project: String,
            /// What is there.
            repository: String,
        } => ("{project} holds {repository} and perhaps more, which Breakwater did not put there: give an empty project"), ("{project} 中有 {repository} 等非 Breakwater 内容：请提供空项目");
        /// One from before.
        StagingLeft {
            /// It.
            project: String,
        } => ("the staging project {project} from before is still there; remove it in Harbor, or give an administrator's login"), ("此前的暂存项目 {project} 仍在：请在 Harbor 中删除，或提供管理员登录");
        /// No login.
        NoStagingLogin {
            /// The harbor.
            harbor: String,
        } => ("{harbor} has no login for staging"), ("{harbor} 没有暂存登录");
        /// It is gone.
        Removed {
            /// The harbor.
            harbor: String,
        } => ("the harbor {harbor} was removed; register it again or choose another"), ("Harbor {harbor} 已被移除；请重新登记或另选");
        /// Plans need it.
        InUse {
            /// Which.
            plans: Vec<String>,
        } => ("the plans {} use this harbor; delete or change them first", plans.join(", ")), ("计划 {} 正在使用此 Harbor；请先删除或更改", listed(ZhCn, plans));
        /// A line that is no cap.
        CapForm {
            /// The line.
            line: String,
        } => ("write “{line}” like 08:00-18:00 20 MiB/s"), ("“{line}”的写法应如 08:00-18:00 20 MiB/s");
        /// Too small or too large.
        CapRange => ("a cap is 64 KiB/s to 100 Gbit/s"), ("限速范围为 64 KiB/s 至 100 Gbit/s");
        /// A connection that does not do.
        ChecksFailed => ("the connection does not do for backup"), ("该连接不可用于备份");
        /// A line of the check-list is bad.
        CheckFailed {
            /// What was tried.
            heading: Said<Heading>,
            /// What was found.
            detail: Said<Detail>,
        } => ("{}: {}", en(heading), en(detail)), ("{}：{}", zh(heading), zh(detail));
        /// What is bad about a field.
        Found {
            /// What was found.
            detail: Said<Detail>,
        } => ("{}", en(detail)), ("{}", zh(detail));
        /// What helps.
        Advised {
            /// What to do.
            advice: Said<Advice>,
        } => ("{}", en(advice)), ("{}", zh(advice));
    }
}
