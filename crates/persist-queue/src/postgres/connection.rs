//! A connection of the driver's, as all engines have one.

use std::fmt;
use std::time::Duration;

use postgres::fallible_iterator::FallibleIterator;
use postgres::types::{ToSql, Type};
use postgres::{Client, Row, SimpleQueryMessage};

use super::dialect::LISTENING;
use super::failure::failure;
use crate::server::{Connection, Fields, Gave, Said, ServerAddress, Statements, Table, Value};

/// How long a connection that rested may take to say that it lives.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// A connection, and where it leads.
pub(super) struct Driven {
    /// There until it is dropped.
    client: Option<Client>,
    address: ServerAddress,
}

impl fmt::Debug for Driven {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Driven").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Driven {
    pub(super) fn new(client: Client, address: ServerAddress) -> Self {
        Self { client: Some(client), address }
    }

    fn client<R: Send>(
        &mut self,
        work: impl FnOnce(&mut Client) -> Result<R, postgres::Error> + Send,
    ) -> Result<R, Said> {
        let Some(client) = &mut self.client else { return Err(Said::broken("it is closed")) };
        outside(|| work(client)).map_err(|error| failure(&self.address, &error))
    }
}

/// The driver works in a runtime of its own, and must not in a thread that drives another one: where a task
/// drops a queue, for example. Then another thread does it.
fn outside<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    if tokio::runtime::Handle::try_current().is_err() {
        return work();
    }
    std::thread::scope(|scope| match scope.spawn(work).join() {
        Ok(done) => done,
        Err(panicked) => std::panic::resume_unwind(panicked),
    })
}

impl Drop for Driven {
    fn drop(&mut self) {
        let client = self.client.take();
        outside(move || drop(client));
    }
}

impl Statements for Driven {
    fn run(&mut self, text: &str) -> Result<Vec<Gave>, Said> {
        Ok(given(self.client(|client| client.simple_query(text))?))
    }

    fn execute(&mut self, statement: &str, parameters: Vec<Value>) -> Result<Gave, Said> {
        let parameters = Parameters::from(parameters);
        fields(&self.client(|client| client.query_typed(statement, &parameters.typed()))?)
    }
}

impl Connection for Driven {
    fn is_alive(&mut self) -> bool {
        self.client(|client| client.is_valid(SIGN_OF_LIFE)).is_ok()
    }

    fn listen(&mut self, table: &Table) -> Result<(), Said> {
        let text = format!("{LISTENING}; LISTEN {}", table.quoted);
        self.client(|client| client.batch_execute(&text))
    }

    fn hear(&mut self, limit: Duration) -> Result<bool, Said> {
        self.client(|client| {
            let mut notifications = client.notifications();
            let heard = notifications.timeout_iter(limit).next()?.is_some();
            // One look is enough for all that came.
            while notifications.iter().next()?.is_some() {}
            Ok(heard)
        })
    }
}

/// What the statements of a text gave, one by one.
pub(super) fn given(messages: Vec<SimpleQueryMessage>) -> Vec<Gave> {
    let (mut all, mut rows) = (Vec::new(), Vec::new());
    for message in messages {
        match message {
            SimpleQueryMessage::Row(row) => {
                let field = |at| row.get(at).map_or(Value::Null, Value::from);
                rows.push(Fields((0..row.len()).map(field).collect()));
            }
            SimpleQueryMessage::CommandComplete(affected) => {
                all.push(Gave { affected, id: None, rows: std::mem::take(&mut rows) });
            }
            _ => {}
        }
    }
    all
}

/// What a statement with parameters gave: a change says its rows.
pub(super) fn fields(rows: &[Row]) -> Result<Gave, Said> {
    let rows = rows.iter().map(|row| {
        let fields = row.columns().iter().enumerate().map(|(at, column)| {
            let field = field(row, at, column.type_());
            field.map_err(Said::refused)
        });
        fields.collect::<Result<_, _>>().map(Fields)
    });
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    Ok(Gave { affected: rows.len() as u64, id: None, rows })
}

fn field(row: &Row, at: usize, kind: &Type) -> Result<Value, postgres::Error> {
    let value = match *kind {
        Type::INT4 => row.try_get::<_, Option<i32>>(at)?.map(|number| Value::Int(number.into())),
        Type::INT8 => row.try_get::<_, Option<i64>>(at)?.map(Value::Int),
        Type::BOOL => row.try_get::<_, Option<bool>>(at)?.map(Value::Bool),
        Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(at)?.map(Value::Bytes),
        _ => row.try_get::<_, Option<String>>(at)?.map(Value::Text),
    };
    Ok(value.unwrap_or(Value::Null))
}

/// Parameters and their types, so that the server need not be asked for those.
pub(super) struct Parameters(Vec<(Box<dyn ToSql + Sync + Send>, Type)>);

impl Parameters {
    pub(super) fn typed(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.0.iter().map(|(value, kind)| (&**value as _, kind.clone())).collect()
    }
}

impl From<Vec<Value>> for Parameters {
    fn from(values: Vec<Value>) -> Self {
        Self(values.into_iter().map(parameter).collect())
    }
}

fn parameter(value: Value) -> (Box<dyn ToSql + Sync + Send>, Type) {
    match value {
        // Only numbers are left out.
        Value::Null => (Box::new(None::<i64>), Type::INT8),
        Value::Bool(truth) => (Box::new(truth), Type::BOOL),
        Value::Int(number) => (Box::new(number), Type::INT8),
        Value::Double(number) => (Box::new(number), Type::FLOAT8),
        Value::Bytes(bytes) => (Box::new(bytes), Type::BYTEA),
        Value::Text(text) => (Box::new(text), Type::TEXT),
    }
}
