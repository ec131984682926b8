//! The serializer: any value as JSON, with its escapes, its size limit, and unique keys.

use std::fmt::{self, Display};
use std::ops::Range;

use serde::ser::{self, Serialize, Serializer};

use crate::encode::nested::key;
use crate::encode::value::{Value, ValueFormat};
use crate::json::array::MIN_ROOM;
use crate::json::number::{float, integer};
use crate::json::string::{StringWriter, string};
use crate::number_forms::NumberForms;
use crate::unwind;

/// What is nested deeper is not serialized.
const MAX_DEPTH: usize = 32;

/// The key of the member that counts the missing ones.
const MORE: &str = "…";

/// JSON under construction.
#[derive(Debug, Default)]
pub(super) struct JsonWriter {
    out: Vec<u8>,
    /// The keys of the open objects, with their quotes: where they are in `out`.
    keys: Vec<Range<usize>>,
    depth: usize,
    /// No item begins behind this length.
    end: usize,
}

/// Why a value cannot be serialized.
#[derive(Debug)]
pub(super) struct Failure(String);

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl ser::Error for Failure {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl JsonWriter {
    /// Becomes the JSON of `value`: about `limit` bytes, and the rest of the text in which the limit is reached. If `value`
    /// fails or panics, a string that says so.
    pub(super) fn serialize<T: Serialize + ?Sized>(&mut self, value: &T, limit: usize) {
        self.clear();
        self.end = limit;
        let outcome = unwind::catch(|| value.serialize(&mut *self));
        if let Some(Ok(())) = outcome {
            return;
        }
        self.clear();
        let mut text = StringWriter::open(&mut self.out, limit);
        match outcome {
            Some(Err(failure)) => text.push_fmt(format_args!("[serialize failed] {failure}")),
            _ => text.push("[serialize panicked]"),
        }
        text.close();
    }

    fn clear(&mut self) {
        self.out.clear();
        self.keys.clear();
        self.depth = 0;
    }

    pub(super) fn json(&self) -> &str {
        std::str::from_utf8(&self.out).unwrap_or("null")
    }

    /// Frees the buffers if they are longer than `max` bytes.
    pub(super) fn shrink_to(&mut self, max: usize) {
        self.clear();
        self.out.shrink_to(max);
        self.keys.shrink_to(max / size_of::<Range<usize>>());
    }

    fn value(&mut self, value: Value<'_>) -> Result<(), Failure> {
        value.write(
            &mut self.out,
            ValueFormat { limit: usize::MAX, redactor: None, numbers: NumberForms::new() },
        );
        Ok(())
    }

    fn open(&mut self, shape: Shape) -> Compound<'_> {
        self.open_levels(shape, None)
    }

    /// Opens an array or an object, as the one member of another object if `variant` is its key.
    fn open_levels(&mut self, shape: Shape, variant: Option<&'static str>) -> Compound<'_> {
        let levels = 1 + usize::from(variant.is_some());
        let is_skipped = self.depth + levels > MAX_DEPTH;
        if is_skipped {
            string(&mut self.out, "[too deep]", usize::MAX);
        } else {
            variant.inspect(|variant| self.open_variant(variant));
            self.out.push(shape.open());
        }
        self.depth += levels;
        let first_key = self.keys.len();
        Compound {
            writer: self,
            shape,
            levels,
            is_skipped,
            written: 0,
            more: 0,
            first_key,
            key: Key::Awaited,
        }
    }

    fn open_variant(&mut self, variant: &str) {
        self.out.push(b'{');
        string(&mut self.out, variant, usize::MAX);
        self.out.push(b':');
    }
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    Array,
    Object,
}

impl Shape {
    const fn open(self) -> u8 {
        if matches!(self, Self::Array) { b'[' } else { b'{' }
    }

    const fn close(self) -> u8 {
        if matches!(self, Self::Array) { b']' } else { b'}' }
    }
}

/// The state between the key and the value of a member.
#[derive(Clone, Copy, Debug)]
enum Key {
    Awaited,
    Written,
    /// The member does not fit.
    Skipped,
}

/// An open array or object.
pub(super) struct Compound<'a> {
    writer: &'a mut JsonWriter,
    shape: Shape,
    levels: usize,
    is_skipped: bool,
    written: usize,
    /// The number of items that did not fit.
    more: usize,
    /// The index of the first key of this object.
    first_key: usize,
    key: Key,
}

impl Compound<'_> {
    /// Begins an item or a member. Returns `false` if it does not fit.
    fn begin(&mut self) -> bool {
        let fits = !self.is_skipped && self.more == 0 && self.writer.out.len() + MIN_ROOM <= self.writer.end;
        if !fits {
            self.more += 1;
            return false;
        }
        if self.written > 0 {
            self.writer.out.push(b',');
        }
        self.written += 1;
        true
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        if self.begin() { value.serialize(&mut *self.writer) } else { Ok(()) }
    }

    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Failure> {
        self.end_member();
        if !self.begin() {
            self.key = Key::Skipped;
            return Ok(());
        }
        let out = &mut self.writer.out;
        let start = out.len();
        key::append(out, key)?;
        let others = &self.writer.keys[self.first_key..];
        let is_taken = |out: &[u8]| {
            out[start + 1..out.len() - 1] == *MORE.as_bytes()
                || others.iter().any(|other| out[other.clone()] == out[start..])
        };
        while is_taken(out) {
            out.pop();
            out.extend_from_slice(b"_\"");
        }
        let key = start..out.len();
        out.push(b':');
        self.writer.keys.push(key);
        self.key = Key::Written;
        Ok(())
    }

    fn member_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        match std::mem::replace(&mut self.key, Key::Awaited) {
            Key::Awaited => Err(ser::Error::custom("a map has a value without a key")),
            Key::Written => value.serialize(&mut *self.writer),
            Key::Skipped => Ok(()),
        }
    }

    fn member<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Failure> {
        self.key(key)?;
        self.member_value(value)
    }

    /// A key without a value has null.
    fn end_member(&mut self) {
        if let Key::Written = self.key {
            self.writer.out.extend_from_slice(b"null");
        }
        self.key = Key::Awaited;
    }

    fn close(mut self) {
        self.end_member();
        self.writer.depth -= self.levels;
        self.writer.keys.truncate(self.first_key);
        if self.is_skipped {
            return;
        }
        let out = &mut self.writer.out;
        if self.more > 0 {
            out.extend_from_slice(if self.written > 0 { b",\"" } else { b"\"" });
            if let Shape::Object = self.shape {
                out.extend_from_slice(MORE.as_bytes());
                out.extend_from_slice(b"\":\"[");
            } else {
                out.extend_from_slice(MORE.as_bytes());
                out.push(b'[');
            }
            integer(out, self.more);
            out.extend_from_slice(b" more]\"");
        }
        out.push(self.shape.close());
        if self.levels == 2 {
            out.push(b'}');
        }
    }
}

macro_rules! values {
    ($($method:ident $type:ty => $variant:ident),*) => {
        $(fn $method(self, value: $type) -> Result<(), Failure> {
            self.value(Value::$variant(value.into()))
        })*
    };
}

impl<'a> Serializer for &'a mut JsonWriter {
    type Ok = ();
    type Error = Failure;
    type SerializeSeq = Compound<'a>;
    type SerializeTuple = Compound<'a>;
    type SerializeTupleStruct = Compound<'a>;
    type SerializeTupleVariant = Compound<'a>;
    type SerializeMap = Compound<'a>;
    type SerializeStruct = Compound<'a>;
    type SerializeStructVariant = Compound<'a>;

    values!(serialize_bool bool => Bool, serialize_str &str => Str, serialize_bytes &[u8] => Bytes);
    values!(serialize_i8 i8 => I64, serialize_i16 i16 => I64, serialize_i32 i32 => I64, serialize_i64 i64 => I64);
    values!(serialize_u8 u8 => U64, serialize_u16 u16 => U64, serialize_u32 u32 => U64, serialize_u64 u64 => U64);
    values!(serialize_i128 i128 => I128, serialize_u128 u128 => U128, serialize_f64 f64 => F64);

    fn serialize_f32(self, value: f32) -> Result<(), Failure> {
        // With the digits of the shorter type.
        float(&mut self.out, value);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Failure> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_none(self) -> Result<(), Failure> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Failure> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Failure> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Failure> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Failure> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Failure> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Failure> {
        let mut object = self.open(Shape::Object);
        object.member(variant, value)?;
        object.close();
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'a>, Failure> {
        Ok(self.open(Shape::Array))
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'a>, Failure> {
        Ok(self.open(Shape::Array))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'a>, Failure> {
        Ok(self.open(Shape::Array))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, Failure> {
        Ok(self.open_levels(Shape::Array, Some(variant)))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'a>, Failure> {
        Ok(self.open(Shape::Object))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Compound<'a>, Failure> {
        Ok(self.open(Shape::Object))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, Failure> {
        Ok(self.open_levels(Shape::Object, Some(variant)))
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), Failure> {
        let mut text = StringWriter::open(&mut self.out, usize::MAX);
        text.push_fmt(format_args!("{value}"));
        text.close();
        Ok(())
    }
}

macro_rules! sequences {
    ($($serialize_trait:ident $method:ident),*) => {
        $(impl ser::$serialize_trait for Compound<'_> {
            type Ok = ();
            type Error = Failure;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
                self.item(value)
            }

            fn end(self) -> Result<(), Failure> {
                self.close();
                Ok(())
            }
        })*
    };
}

sequences!(SerializeSeq serialize_element, SerializeTuple serialize_element);
sequences!(SerializeTupleStruct serialize_field, SerializeTupleVariant serialize_field);

macro_rules! structs {
    ($($serialize_trait:ident),*) => {
        $(impl ser::$serialize_trait for Compound<'_> {
            type Ok = ();
            type Error = Failure;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Failure> {
                self.member(key, value)
            }

            fn end(self) -> Result<(), Failure> {
                self.close();
                Ok(())
            }
        })*
    };
}

structs!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Compound<'_> {
    type Ok = ();
    type Error = Failure;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Failure> {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        self.member_value(value)
    }

    fn end(self) -> Result<(), Failure> {
        self.close();
        Ok(())
    }
}
