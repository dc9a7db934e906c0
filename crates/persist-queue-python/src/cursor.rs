//! A cursor of a Python driver (DB-API 2.0): statements in the transaction of a program's own.

use std::error::Error;

use persist_queue::postgres::{Cursor, Value};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use crate::errors::Raised;

/// See the module. It keeps what the driver raised.
pub(crate) struct DbCursor<'a, 'py> {
    cursor: &'a Bound<'py, PyAny>,
    raised: Option<PyErr>,
}

impl<'a, 'py> DbCursor<'a, 'py> {
    pub(crate) fn new(cursor: &'a Bound<'py, PyAny>) -> Self {
        Self { cursor, raised: None }
    }

    /// What a call through it came to: what the driver raised stays what it is.
    pub(crate) fn outcome<T>(self, done: persist_queue::Result<T>) -> PyResult<T> {
        match self.raised {
            Some(raised) => Err(raised),
            None => Ok(done.map_err(Raised::from)?),
        }
    }

    fn ask(&self, statement: &str, parameters: &[Value]) -> PyResult<Vec<Vec<Value>>> {
        let py = self.cursor.py();
        if parameters.is_empty() {
            self.cursor.call_method1("execute", (statement,))?;
        } else {
            let (statement, order) = by_place(statement);
            let given = PyList::empty(py);
            for number in order {
                given.append(given_value(py, parameters.get(number))?)?;
            }
            self.cursor.call_method1("execute", (statement, given))?;
        }
        let rows = self.cursor.call_method0("fetchall")?;
        rows.try_iter()?.map(|row| values(&row?)).collect()
    }
}

impl Cursor for DbCursor<'_, '_> {
    fn query(
        &mut self,
        statement: &str,
        parameters: Vec<Value>,
    ) -> Result<Vec<Vec<Value>>, Box<dyn Error + Send + Sync>> {
        self.ask(statement, &parameters).map_err(|raised| {
            let said = raised.to_string();
            self.raised = Some(raised);
            said.into()
        })
    }
}

/// The statement as drivers take it, with `%s` for each parameter, and which parameters those are. What is in
/// quotes is no parameter.
fn by_place(statement: &str) -> (String, Vec<usize>) {
    let (mut text, mut order, mut quote) =
        (String::with_capacity(statement.len()), Vec::new(), None);
    let mut rest = statement.chars().peekable();
    while let Some(character) = rest.next() {
        match (character, quote) {
            ('$', None) => {
                let mut number = 0;
                while let Some(digit) = rest.peek().and_then(|digit| digit.to_digit(10)) {
                    number = number * 10 + digit as usize;
                    rest.next();
                }
                order.push(number.saturating_sub(1));
                text.push_str("%s");
                continue;
            }
            ('%', _) => text.push('%'),
            ('\'' | '"', None) => quote = Some(character),
            (_, Some(open)) if open == character => quote = None,
            _ => {}
        }
        text.push(character);
    }
    (text, order)
}

fn given_value<'py>(py: Python<'py>, value: Option<&Value>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        None | Some(Value::Null) => py.None().into_bound(py),
        Some(Value::Bool(truth)) => truth.into_pyobject(py)?.to_owned().into_any(),
        Some(Value::Int(number)) => number.into_pyobject(py)?.into_any(),
        Some(Value::Double(number)) => number.into_pyobject(py)?.into_any(),
        Some(Value::Bytes(bytes)) => PyBytes::new(py, bytes).into_any(),
        Some(Value::Text(text)) => PyString::new(py, text).into_any(),
    })
}

/// The values of a row; a program may have its driver give dictionaries.
fn values(row: &Bound<'_, PyAny>) -> PyResult<Vec<Value>> {
    let row = match row.cast::<PyDict>() {
        Ok(row) => row.values().into_any(),
        Err(_) => row.clone(),
    };
    row.try_iter()?.map(|value| found(&value?)).collect()
}

fn found(value: &Bound<'_, PyAny>) -> PyResult<Value> {
    if value.is_none() {
        return Ok(Value::Null);
    }
    if let Ok(number) = value.extract() {
        return Ok(Value::Int(number));
    }
    Ok(Value::Text(value.extract()?))
}
