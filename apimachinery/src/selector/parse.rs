//! Text → requirements on labels.
//!
//! A requirement is `key`, `!key`, `key op value` with `=`, `==`, `!=`, `>`, `<`, or `key in (values)` and `notin`;
//! commas join them. `in` and `notin` may themselves be keys and values.

use super::labels::{Operator, Requirement, SelectorError};

/// What may follow a key, as error messages list it.
const OPERATORS: &str = "in, notin, =, ==, !=, gt, lt";

/// A word or symbol; the end is the empty word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Symbol(&'a str),
    End,
}

impl<'a> Token<'a> {
    fn text(self) -> &'a str {
        match self {
            Self::Word(text) | Self::Symbol(text) => text,
            Self::End => "",
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
}

/// All requirements of the text.
pub(super) fn requirements(text: &str) -> Result<Vec<Requirement>, SelectorError> {
    let mut parser = Parser { rest: text };
    let mut requirements = Vec::new();
    loop {
        match parser.peek() {
            Token::End => return Ok(requirements),
            Token::Word(_) | Token::Symbol("!") => {}
            Token::Symbol(found) => {
                return syntax(format!("found '{found}', expected: !, identifier, or 'end of string'"));
            }
        }
        let requirement = parser
            .requirement()
            .map_err(|error| SelectorError::InText(Box::new(error)))?;
        requirements.push(requirement);
        match parser.next() {
            Token::End => return Ok(requirements),
            Token::Symbol(",") => match parser.peek() {
                Token::Word(_) | Token::Symbol("!") => {}
                found => return syntax(format!("found '{}', expected: identifier after ','", found.text())),
            },
            found => return syntax(format!("found '{}', expected: ',' or 'end of string'", found.text())),
        }
    }
}

fn syntax<T>(message: String) -> Result<T, SelectorError> {
    Err(SelectorError::Syntax(message))
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Token<'a> {
        Parser { rest: self.rest }.next()
    }

    fn next(&mut self) -> Token<'a> {
        const SYMBOLS: [char; 7] = ['=', '!', '(', ')', ',', '>', '<'];
        let is_space = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
        let text = self.rest.trim_start_matches(is_space);
        let (token, length) = if text.is_empty() {
            (Token::End, 0)
        } else if text.starts_with("==") || text.starts_with("!=") {
            (Token::Symbol(&text[..2]), 2)
        } else if text.starts_with(SYMBOLS) {
            (Token::Symbol(&text[..1]), 1)
        } else {
            let length = text.find(|c| is_space(c) || SYMBOLS.contains(&c)).unwrap_or(text.len());
            (Token::Word(&text[..length]), length)
        };
        self.rest = &text[length..];
        token
    }

    fn requirement(&mut self) -> Result<Requirement, SelectorError> {
        let mut first = self.next();
        let negated = first == Token::Symbol("!");
        if negated {
            first = self.next();
        }
        let Token::Word(key) = first else {
            return syntax(format!("found '{}', expected: identifier", first.text()));
        };
        if negated {
            return Requirement::new(key, Operator::DoesNotExist, []);
        }
        if matches!(self.peek(), Token::End | Token::Symbol(",")) {
            return Requirement::new(key, Operator::Exists, []);
        }
        let operator = self.operator()?;
        let values = match operator {
            Operator::In | Operator::NotIn => self.values()?,
            _ => vec![self.value()?],
        };
        Requirement::new(key, operator, values)
    }

    fn operator(&mut self) -> Result<Operator, SelectorError> {
        Ok(match self.next() {
            Token::Word("in") => Operator::In,
            Token::Word("notin") => Operator::NotIn,
            Token::Symbol("=" | "==") => Operator::Equals,
            Token::Symbol("!=") => Operator::NotEquals,
            Token::Symbol(">") => Operator::GreaterThan,
            Token::Symbol("<") => Operator::LessThan,
            found => return syntax(format!("found '{}', expected: {OPERATORS}", found.text())),
        })
    }

    /// One value, which may be absent.
    fn value(&mut self) -> Result<String, SelectorError> {
        match self.peek() {
            Token::End | Token::Symbol(",") => Ok(String::new()),
            Token::Word(value) => {
                self.next();
                Ok(value.to_owned())
            }
            Token::Symbol(found) => syntax(format!("found '{found}', expected: identifier")),
        }
    }

    /// Values in parentheses; what stands between two commas may be empty.
    fn values(&mut self) -> Result<Vec<String>, SelectorError> {
        let open = self.next();
        if open != Token::Symbol("(") {
            return syntax(format!("found '{}' expected: '('", open.text()));
        }
        let mut values = Vec::new();
        loop {
            let value = match self.peek() {
                Token::Word(value) => {
                    self.next();
                    value
                }
                Token::Symbol("," | ")") => "",
                found => return syntax(format!("found '{}', expected: ',', ')' or identifier", found.text())),
            };
            if !values.iter().any(|known| known == value) {
                values.push(value.to_owned());
            }
            match self.next() {
                Token::Symbol(",") => {}
                Token::Symbol(")") => return Ok(values),
                found => return syntax(format!("found '{}', expected: ',' or ')'", found.text())),
            }
        }
    }
}
