//! Why a call is refused: what is at fault with a form or request about vaults.

use crate::harbors::checks::Detail;
use crate::sentence::{Said, en, sentences, zh};
use crate::troubles::Trouble;

sentences! {
    /// Why a call is refused.
    #[schema(as = VaultRefusal)]
    pub enum Refusal {
        /// A folder.
        NotABucket => ("this vault is in a folder, not in a bucket"), ("此保管库在目录中，而非存储桶");
        /// Another address.
        SecretAgain => ("a new address needs the secret again, so that the old one is not sent to it"), ("更换地址须重新填写密钥，以免旧密钥被发往新地址");
        /// No secret.
        KeySecret => ("give the secret of this key"), ("请填写此访问密钥的私密部分");
        /// A key that cannot lock.
        MustLock => ("the vault locks what it stores, and this server, or this key, does not"), ("保管库需要锁定所存内容，而此服务器或密钥做不到");
        /// No mode.
        LockMode => ("choose governance or compliance"), ("请选择治理或合规");
        /// No number.
        LockDays => ("give a number of days from 1 to 3,650, or 0 for no lock"), ("请填写 1 至 3,650 天，0 表示不锁定");
        /// It is only read.
        OnlyRead => ("the vault is only read: open it for writing on its page, once no other installation writes to it"), ("保管库仅可读取：确认没有其他安装写入后，在其页面开放写入");
        /// No number.
        ScrubDays => ("give a number from 1 to 365"), ("请填写 1 至 365");
        /// No number.
        ScrubRate => ("give a number from 1 to 100,000, or nothing for no limit"), ("请填写 1 至 100,000，留空表示不限");
        /// No name.
        VaultNameForm => ("use 1 to 63 lower-case letters, digits and dashes"), ("请使用 1 至 63 个小写字母、数字或短横线");
        /// No place.
        Kind => ("choose a folder or a bucket"), ("请选择目录或存储桶");
        /// No folder.
        Folder => ("give an absolute folder, such as /srv/breakwater/vault"), ("请填写绝对路径，例如 /srv/breakwater/vault");
        /// Two vaults, one name.
        VaultNameTaken => ("there is a vault of this name"), ("已有同名保管库");
        /// It is a vault here.
        PlaceTaken => ("this place is a vault of this installation already"), ("此位置已是本安装的保管库");
        /// It is a vault here.
        RegisteredElsewhere => ("this vault is registered already, under another place"), ("此保管库已以另一位置登记");
        /// A place that is no place for a vault.
        Trouble {
            /// Why.
            why: Trouble,
        } => ("{}", en(why)), ("{}", zh(why));
        /// A bucket without locks.
        CannotLock => ("this bucket does not lock objects; make one with object lock, or give 0 days"), ("此存储桶不支持锁定：请创建启用对象锁定的存储桶，或填写 0 天");
        /// A bucket whose locks do not hold.
        LockNotKept {
            /// What was found.
            why: Said<Detail>,
        } => ("this bucket does not lock what it is told to: {}", en(why)), ("此存储桶未按要求锁定：{}", zh(why));
    }
}
