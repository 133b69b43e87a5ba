//! The tables of the file, opened in a transaction only when an operation touches them.

use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};

/// The format that this version writes; [`super::key`] and [`super::record`] say what it is.
pub(super) const FORMAT: u32 = 2;
/// The format before it, which says of no session whose it is; it is read all the same.
pub(super) const FORMAT_WITHOUT_USERS: u32 = 1;
pub(super) const FORMAT_KEY: &str = "format";

pub(super) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

pub(super) const META: TableDefinition<'static, &str, u32> = TableDefinition::new("meta");
pub(super) const SESSIONS: Definition = TableDefinition::new("sessions");
pub(super) const FLOW: Definition = TableDefinition::new("flow");
pub(super) const BODIES: Definition = TableDefinition::new("bodies");
pub(super) const RETAINED: Definition = TableDefinition::new("retained");
/// Every table but the one of the format.
pub(super) const ALL: [Definition; 4] = [SESSIONS, FLOW, BODIES, RETAINED];

/// One table within a transaction.
pub(super) struct Lazy<'txn> {
    transaction: &'txn WriteTransaction,
    definition: Definition,
    table: Option<Table<'txn, &'static [u8], &'static [u8]>>,
}

/// The tables of one transaction.
pub(super) struct Tables<'txn> {
    pub(super) sessions: Lazy<'txn>,
    pub(super) flow: Lazy<'txn>,
    pub(super) bodies: Lazy<'txn>,
    pub(super) retained: Lazy<'txn>,
}

impl<'txn> Tables<'txn> {
    pub(super) fn new(transaction: &'txn WriteTransaction) -> Tables<'txn> {
        let lazy = |definition| Lazy {
            transaction,
            definition,
            table: None,
        };
        Tables {
            sessions: lazy(SESSIONS),
            flow: lazy(FLOW),
            bodies: lazy(BODIES),
            retained: lazy(RETAINED),
        }
    }
}

impl<'txn> Lazy<'txn> {
    pub(super) fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), redb::Error> {
        self.open()?.insert(key, value)?;
        Ok(())
    }

    pub(super) fn delete(&mut self, key: &[u8]) -> Result<(), redb::Error> {
        self.open()?.remove(key)?;
        Ok(())
    }

    /// Removes a value and shows it to `look` while it is still there.
    pub(super) fn take<T>(
        &mut self,
        key: &[u8],
        look: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<T>, redb::Error> {
        let old = self.open()?.remove(key)?;
        Ok(old.map(|value| look(value.value())))
    }

    pub(super) fn look<T>(
        &mut self,
        key: &[u8],
        look: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<T>, redb::Error> {
        let value = self.open()?.get(key)?;
        Ok(value.map(|value| look(value.value())))
    }

    /// Removes at most `count_max` entries from `first` up to `end`, which is not among them; shows
    /// each to `look`. Says how many it removed.
    pub(super) fn clear(
        &mut self,
        first: &[u8],
        end: &[u8],
        count_max: usize,
        mut look: impl FnMut(&[u8], &[u8]),
    ) -> Result<usize, redb::Error> {
        let mut removed = 0;
        let matching = self
            .open()?
            .extract_from_if::<&[u8], _>(first..end, |_, _| true)?;
        for entry in matching.take(count_max) {
            let (key, value) = entry?;
            look(key.value(), value.value());
            removed += 1;
        }
        Ok(removed)
    }

    fn open(&mut self) -> Result<&mut Table<'txn, &'static [u8], &'static [u8]>, redb::Error> {
        if self.table.is_none() {
            self.table = Some(self.transaction.open_table(self.definition)?);
        }
        Ok(self.table.as_mut().expect("it was opened above"))
    }
}
