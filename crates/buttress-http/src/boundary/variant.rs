//! `Variant`: a value of an enum, `"name"` or `{"name": content}`.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error as _, Unexpected, VariantAccess, Visitor};
use serde_json::Value;

use super::explain::Explain;
use super::fault::{Fault, Step};

pub(super) struct Variant<'de> {
    pub(super) name: &'de str,
    pub(super) content: Option<&'de Value>,
    pub(super) known: &'static [&'static str],
}

impl<'de> Variant<'de> {
    /// Reads the content; fails if there is none.
    fn read<T>(self, wanted: &str, read: impl FnOnce(Explain<'de>) -> Result<T, Fault>) -> Result<T, Fault> {
        let known = self.known.iter().find(|known| **known == self.name);
        let step = known.map_or(Step::Key, |name| Step::Field(name));
        let content = self.content.ok_or_else(|| Fault::invalid_type(Unexpected::UnitVariant, &wanted));
        content.and_then(|content| read(Explain(content))).map_err(|fault| fault.below(step))
    }
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        Ok((seed.deserialize(BorrowedStrDeserializer::new(self.name))?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.content {
            Some(_) => self.read("nothing", serde::Deserialize::deserialize),
            None => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        self.read("an object of one member, with its content", |content| seed.deserialize(content))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.read("an object of one member, with its content", |content| {
            content.deserialize_tuple(len, visitor)
        })
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.read("an object of one member, with its content", |content| {
            content.deserialize_struct("", fields, visitor)
        })
    }
}
