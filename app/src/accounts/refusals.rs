//! Why a call is refused: what is at fault with a form or request about accounts.

use super::exclusion::Conflict;
use super::types::{Duty, Role};
use crate::sentence::{Example, sentences};
use crate::text::Lang;
use crate::text::Lang::{En, ZhCn};
use crate::units::{count, listed, some};

sentences! {
    /// Why a call is refused.
    #[schema(as = AccountRefusal)]
    pub enum Refusal {
        /// Two people, one name.
        LoginTaken => ("somebody has this sign-in name already"), ("该用户名已存在");
        /// A name that is none.
        LoginForm => ("use 2 to 64 lower-case letters, digits, dots, dashes and underscores, beginning with a letter or digit"), ("请使用 2 至 64 个小写字母、数字、点、短横线或下划线，以字母或数字开头");
        /// A line about a harbor nobody registered.
        NoHarborNamed {
            /// The line.
            line: String,
            /// The name in it.
            harbor: String,
        } => ("“{line}”: there is no harbor named {harbor}"), ("“{line}”：没有名为 {harbor} 的 Harbor");
        /// A line that is no grant.
        GrantForm {
            /// The line.
            line: String,
        } => ("“{line}” is not like: requester prod/payments, approver prod/* or viewer *"), ("“{line}”的写法不对，应如：requester prod/payments、approver prod/* 或 viewer *");
        /// No reason.
        SayWhyTen => ("say why, in ten characters or more"), ("请用至少 10 个字说明原因");
        /// A token.
        TokenAndPassword => ("a token cannot change a password"), ("令牌不能修改密码");
        /// The present one again.
        SamePassword => ("choose another than the present one"), ("请选择与当前不同的密码");
        /// Not theirs.
        WrongPassword => ("this is not your password"), ("当前密码不正确");
        /// One's own rights.
        OwnRights => ("nobody changes their own rights; ask another security administrator"), ("任何人不能更改自己的权限，请联系另一位安全管理员");
        /// The last one of a duty.
        LastHolder {
            /// Which duty.
            duty: Duty,
        } => ("this is the last active {}; give somebody else the duty first", duty_word(En, *duty)), ("这是最后一位在职的{}；请先将该职责授予他人", duty_word(ZhCn, *duty));
        /// Too short.
        PasswordShort {
            /// Characters.
            least: i64,
        } => ("use at least {}; 15 or more are better", some(*least, "character", "characters")), ("至少 {} 个字符，建议 15 个以上", count(*least));
        /// Too long.
        PasswordLong {
            /// Characters.
            most: i64,
        } => ("use at most {}", some(*most, "character", "characters")), ("最多 {} 个字符", count(*most));
        /// Too common.
        PasswordCommon => ("this password is one of the first anybody would try; choose another"), ("此密码极易被猜到，请另选");
        /// Too many at once.
        SignInsBusy => ("too many people are signing in at this moment; try again in a few seconds"), ("当前登录人数过多，请数秒后重试");
        /// A line that is no place of theirs.
        TokenPlace {
            /// The line.
            line: String,
        } => ("“{line}” is no project you have a role on; write harbor/project or harbor/*, one a line"), ("您在“{line}”上没有角色；请每行写一个 harbor/项目 或 harbor/*");
        /// A line that is no network.
        TokenNetwork {
            /// The line.
            line: String,
        } => ("“{line}” is no network; write it as 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32"), ("“{line}”不是网络，请写作 10.0.0.0/8、192.0.2.7 或 2001:db8::/32");
        /// Too many networks.
        TooManyNetworks {
            /// How many.
            most: i64,
        } => ("at most {}", some(*most, "network", "networks")), ("最多 {} 个网络", count(*most));
        /// No name.
        TokenName => ("say in 1 to 64 characters what the token is for"), ("请用 1 至 64 个字符说明令牌用途");
        /// Too long a life.
        TokenDays {
            /// Days.
            most: i64,
        } => ("a token lives 1 to {}", some(*most, "day", "days")), ("令牌有效期为 1 至 {} 天", count(*most));
        /// A token of another network.
        TokenElsewhere => ("this token may not be used from this address"), ("此令牌不能从该地址使用");
        /// Sessions cannot be kept.
        SessionStore => ("sessions are not available at this moment; try again"), ("会话暂不可用，请重试");
        /// Too long a text.
        NoPassword => ("this is too long to be a password"), ("作为密码过长");
        /// Wrong name or password.
        BadCredentials => ("sign-in name and password do not belong together"), ("登录名与密码不匹配");
        /// A token asked of its session.
        TokenHasNone => ("a token has no session"), ("令牌没有会话");
        /// A token that signs out.
        TokenNoSession => ("a token has no session to end"), ("令牌没有可结束的会话");
        /// The first account is there.
        SetUpDone => ("the set-up is done; sign in"), ("初始设置已完成，请登录");
        /// Another token.
        SetUpToken => ("this is not the token the server printed last"), ("不是服务器最近打印的令牌");
        /// Too many tries.
        Throttled {
            /// Seconds to wait.
            wait_s: i64,
        } => ("too many wrong tries; try again in {wait_s} s"), ("错误次数过多；请在 {wait_s} 秒后重试");
        /// No zone.
        ZoneUnknown => ("this is not a time zone of the IANA database"), ("不是 IANA 数据库中的时区");
        /// Nobody is signed in.
        SignIn => ("sign in to go on"), ("请登录后继续");
        /// A token.
        SessionNeeded => ("a token may not do this; sign in to the console"), ("令牌不能执行此操作；请登录控制台");
        /// A token that reads.
        WriteScope => ("a token needs the write scope for this"), ("此操作需要具有写入权限的令牌");
        /// A form that came too late.
        SessionEnded => ("your session had ended, so this was not done; what you wrote is here, send it again"), ("会话已结束，此操作未执行；您填写的内容已保留，请再次提交");
        /// A password of somebody else.
        MustChange => ("choose a password of your own first: this one was set by somebody else"), ("请先设置自己的密码：当前密码由他人设置");
        /// Another site.
        CrossSite => ("this request came from another site and was refused; reload the page and try again"), ("此请求来自其他站点，已拒绝；请刷新页面重试");
        /// No token.
        BadToken => ("the token is unknown, revoked or over"), ("令牌不存在、已吊销或已过期");
        /// A password of ten minutes ago.
        StepUp => ("enter your password once more, then send this again"), ("请再次输入密码，然后重新提交");
        /// A right is missing.
        NeedsRole {
            /// Duties that have it.
            duties: Vec<Duty>,
            /// Roles that have it.
            roles: Vec<Role>,
            /// A token may not at all.
            person: bool,
            /// A token needs the scope to write.
            writes: bool,
        } => ("this needs the role {}; a security administrator gives roles{}", who(En, duties, roles), token(En, *person, *writes)), ("需要以下角色之一：{}；角色由安全管理员授予{}", who(ZhCn, duties, roles), token(ZhCn, *person, *writes));
        /// Two duties of one person.
        DutiesTogether {
            /// One.
            one: Duty,
            /// The other.
            other: Duty,
        } => ("{}", Conflict::Duties(*one, *other).say(En)), ("{}", Conflict::Duties(*one, *other).say(ZhCn));
        /// A duty and a role of one person.
        DutyAndRole {
            /// The duty.
            duty: Duty,
            /// The role.
            role: Role,
        } => ("{}", Conflict::DutyAndRole(*duty, *role).say(En)), ("{}", Conflict::DutyAndRole(*duty, *role).say(ZhCn));
    }
}

fn duty_word(lang: Lang, duty: Duty) -> &'static str {
    match duty {
        Duty::Operator => lang.pick("operator", "系统管理员"),
        Duty::Secadmin => lang.pick("security administrator", "安全管理员"),
        Duty::Auditor => lang.pick("auditor", "审计管理员"),
    }
}

fn role_word(lang: Lang, role: Role) -> &'static str {
    match role {
        Role::Viewer => lang.pick("viewer", "查看者"),
        Role::Requester => lang.pick("requester", "申请人"),
        Role::Approver => lang.pick("approver", "审批人"),
        Role::Owner => lang.pick("owner", "负责人"),
    }
}

fn who(lang: Lang, duties: &[Duty], roles: &[Role]) -> String {
    let words: Vec<&str> =
        duties.iter().map(|duty| duty_word(lang, *duty)).chain(roles.iter().map(|role| role_word(lang, *role))).collect();
    lang.pick(words.join(" or "), listed(lang, &words))
}

fn token(lang: Lang, person: bool, writes: bool) -> &'static str {
    match (person, writes) {
        (true, _) => lang.pick("; a token may not, only a person who is signed in", "；令牌不可，须由本人登录"),
        (false, true) => lang.pick("; a token needs the write scope", "；令牌须具有写入权限"),
        (false, false) => "",
    }
}

impl Example for Duty {
    fn example(_name: &str, turn: usize) -> Self {
        [Self::Operator, Self::Secadmin, Self::Auditor][turn % 3]
    }
}

impl Example for Role {
    fn example(_name: &str, turn: usize) -> Self {
        [Self::Viewer, Self::Requester, Self::Approver, Self::Owner][turn % 4]
    }
}

impl From<Conflict> for Refusal {
    fn from(conflict: Conflict) -> Self {
        match conflict {
            Conflict::Duties(one, other) => Self::DutiesTogether { one, other },
            Conflict::DutyAndRole(duty, role) => Self::DutyAndRole { duty, role },
        }
    }
}
