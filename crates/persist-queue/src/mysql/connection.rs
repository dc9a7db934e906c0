//! A connection of the driver's, as all engines have one.

use mysql::prelude::Queryable;
use mysql::{Conn, Params};

use super::failure::failure;
use super::galera;
use crate::server::{Connection, Fields, Gave, Said, ServerAddress, Statements, Value};

/// A connection, and where it leads.
#[derive(Debug)]
pub(super) struct Driven {
    pub(super) connection: Conn,
    pub(super) address: ServerAddress,
    /// It is a node of a cluster, see [`galera`](super::galera).
    pub(super) is_node: bool,
}

impl Driven {
    fn run_together(&mut self, text: &str) -> Result<Vec<Gave>, Said> {
        let ran = self.connection.query_iter(text).and_then(|mut result| {
            let mut all = Vec::new();
            while let Some(set) = result.iter() {
                let (affected, id) = (set.affected_rows(), set.last_insert_id());
                let rows = set.map(|row| row.map(fields)).collect::<mysql::Result<_>>()?;
                all.push(Gave { affected, id, rows });
            }
            Ok(all)
        });
        ran.map_err(|error| failure(&self.address, error))
    }
}

impl Statements for Driven {
    fn run(&mut self, text: &str) -> Result<Vec<Gave>, Said> {
        if !self.is_node {
            return self.run_together(text);
        }
        let mut all = Vec::new();
        for statement in galera::statements(text) {
            all.append(&mut self.run_together(statement)?);
        }
        Ok(all)
    }

    /// The server keeps the statement prepared.
    fn execute(&mut self, statement: &str, parameters: Vec<Value>) -> Result<Gave, Said> {
        let parameters: Vec<_> = parameters.into_iter().map(parameter).collect();
        let ran =
            self.connection.exec_iter(statement, Params::from(parameters)).and_then(|result| {
                let (affected, id) = (result.affected_rows(), result.last_insert_id());
                let rows = result.map(|row| row.map(fields)).collect::<mysql::Result<_>>()?;
                Ok(Gave { affected, id, rows })
            });
        ran.map_err(|error| failure(&self.address, error))
    }
}

impl Connection for Driven {
    fn is_alive(&mut self) -> bool {
        self.connection.ping().is_ok()
    }

    fn shares_locks(&self) -> bool {
        !self.is_node
    }
}

fn fields(row: mysql::Row) -> Fields {
    Fields(row.unwrap_raw().into_iter().map(|value| value.map_or(Value::Null, field)).collect())
}

fn field(value: mysql::Value) -> Value {
    match value {
        mysql::Value::NULL => Value::Null,
        mysql::Value::Bytes(bytes) => Value::Bytes(bytes),
        mysql::Value::Int(number) => Value::Int(number),
        mysql::Value::UInt(number) => match i64::try_from(number) {
            Ok(number) => Value::Int(number),
            Err(_) => Value::Text(number.to_string()),
        },
        mysql::Value::Float(number) => Value::Double(f64::from(number)),
        mysql::Value::Double(number) => Value::Double(number),
        time => Value::Text(time.as_sql(true)),
    }
}

fn parameter(value: Value) -> mysql::Value {
    match value {
        Value::Null => mysql::Value::NULL,
        Value::Bool(truth) => mysql::Value::Int(i64::from(truth)),
        Value::Int(number) => mysql::Value::Int(number),
        Value::Double(number) => mysql::Value::Double(number),
        Value::Bytes(bytes) => mysql::Value::Bytes(bytes),
        Value::Text(text) => mysql::Value::Bytes(text.into_bytes()),
    }
}
