//! The key of a member: a text, or what has an obvious text.

use serde::ser::{self, Impossible, Serialize, Serializer};

use crate::encode::nested::serializer::Failure;
use crate::json::string::StringWriter;

/// A longer key is cut here, in encoded bytes, as a name is.
const MAX_KEY: usize = 256;

/// Appends the key as a string.
pub(super) fn append<T: Serialize + ?Sized>(out: &mut Vec<u8>, key: &T) -> Result<(), Failure> {
    let mut text = StringWriter::open(out, MAX_KEY);
    key.serialize(KeySerializer(&mut text))?;
    text.close();
    Ok(())
}

struct KeySerializer<'a, 'b>(&'a mut StringWriter<'b>);

fn not_a_text<T>() -> Result<T, Failure> {
    Err(ser::Error::custom("the key of a map is not a text"))
}

macro_rules! formatted {
    ($($method:ident $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<(), Failure> {
            self.0.push_fmt(format_args!("{value}"));
            Ok(())
        })*
    };
}

impl Serializer for KeySerializer<'_, '_> {
    type Ok = ();
    type Error = Failure;
    type SerializeSeq = Impossible<(), Failure>;
    type SerializeTuple = Impossible<(), Failure>;
    type SerializeTupleStruct = Impossible<(), Failure>;
    type SerializeTupleVariant = Impossible<(), Failure>;
    type SerializeMap = Impossible<(), Failure>;
    type SerializeStruct = Impossible<(), Failure>;
    type SerializeStructVariant = Impossible<(), Failure>;

    formatted!(serialize_bool bool, serialize_char char, serialize_i8 i8, serialize_i16 i16, serialize_i32 i32);
    formatted!(serialize_i64 i64, serialize_i128 i128, serialize_u8 u8, serialize_u16 u16, serialize_u32 u32);
    formatted!(serialize_u64 u64, serialize_u128 u128, serialize_f32 f32, serialize_f64 f64);

    fn serialize_str(self, text: &str) -> Result<(), Failure> {
        self.0.push(text);
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Failure> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        key: &T,
    ) -> Result<(), Failure> {
        key.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, key: &T) -> Result<(), Failure> {
        key.serialize(self)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Failure> {
        not_a_text()
    }

    fn serialize_none(self) -> Result<(), Failure> {
        not_a_text()
    }

    fn serialize_unit(self) -> Result<(), Failure> {
        not_a_text()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Failure> {
        not_a_text()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Failure> {
        not_a_text()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Failure> {
        not_a_text()
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Failure> {
        not_a_text()
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Failure> {
        not_a_text()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Failure> {
        not_a_text()
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Failure> {
        not_a_text()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Failure> {
        not_a_text()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Failure> {
        not_a_text()
    }
}
