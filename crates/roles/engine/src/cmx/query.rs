//! What is asked for.
//!
//! v1 and v2 ignore what they do not know, even a key `/page` that a sample in the field sends;
//! v3 refuses it (`reference/nmsp-mse-cmx.md` sections B.9 and C.2).

use std::net::IpAddr;

use model::{Element, Mac};

use super::{Located, View};

/// Most elements of one page (section B.9).
pub const PAGE_SIZE_MAX: usize = 1_000;
/// Most pairs of a query that are looked at. Ours.
const PAIRS_MAX: usize = 64;

/// Why a query is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// v3 has no such filter.
    #[error("Unknown filter '{0}'")]
    PeerUnknownFilter(String),
    /// One device was asked for, and something else too.
    #[error("The filter '{0}' does not go with other filters")]
    PeerExclusive(&'static str),
    /// A value has another form.
    #[error("The value '{value}' of '{key}' is not {allowed}")]
    PeerBadValue {
        /// The key.
        key: &'static str,
        /// The value, shortened.
        value: String,
        /// What it has to be.
        allowed: &'static str,
    },
}

/// One device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Device {
    /// By its address, in any form.
    Mac(Mac),
    /// By one of its IP addresses.
    Ip(IpAddr),
    /// By the name of its user.
    Username(String),
}

/// What v1 and v2 are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct V2Query {
    /// Only this device.
    pub device: Option<Device>,
    /// Only where the hierarchy path holds this text.
    pub map_hierarchy: Option<String>,
    /// In this order, else by address.
    pub sort: Option<Sort>,
    /// Only this page, else everything.
    pub page: Option<Page>,
}

/// One page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Counted from 1.
    pub number: usize,
    /// 1 to [`PAGE_SIZE_MAX`].
    pub size: usize,
}

/// An order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// What is compared.
    pub field: SortField,
    /// Largest first.
    pub is_descending: bool,
}

/// What can be compared: keys of [`Client`](super::v2::Client).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortField {
    /// `apMacAddress`
    ApMacAddress,
    /// `band`
    Band,
    /// `bytesReceived`
    BytesReceived,
    /// `bytesSent`
    BytesSent,
    /// `changedOn`
    ChangedOn,
    /// `confidenceFactor`
    ConfidenceFactor,
    /// `dot11Status`
    Dot11Status,
    /// `firstLocatedTime`
    FirstLocatedTime,
    /// `ipAddress`
    IpAddress,
    /// `lastLocatedTime`
    LastLocatedTime,
    /// `macAddress`
    MacAddress,
    /// `mapHierarchyString`
    MapHierarchy,
    /// `ssId`
    SsId,
    /// `userName`
    UserName,
}

/// What v3 is asked for. All filters have to fit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct V3Query {
    /// Only this device.
    pub device: Option<Device>,
    /// Only in this network.
    pub ssid: Option<String>,
    /// Only of this user.
    pub username: Option<String>,
    /// Only of this manufacturer.
    pub manufacturer: Option<String>,
    /// Only where the hierarchy path holds this text.
    pub map_hierarchy: Option<String>,
    /// Only on the floor with this id.
    pub floor_ref_id: Option<String>,
    /// Only with an address that holds these digits.
    pub mac_address_search: Option<String>,
    /// Only associated ones.
    pub associated_only: bool,
    /// Only probing ones.
    pub probing_only: bool,
}

/// The pairs of a query, decoded.
pub fn pairs(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes())
        .take(PAIRS_MAX)
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect()
}

impl V2Query {
    /// Reads the pairs; unknown keys are ignored.
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, QueryError> {
        let mut query = Self::default();
        let (mut number, mut size) = (None, None);
        for (key, value) in pairs {
            match key.as_str() {
                "macAddress" => query.set_device("macAddress", Device::Mac(mac(value)?))?,
                "ipAddress" => query.set_device("ipAddress", Device::Ip(ip(value)?))?,
                "username" => query.set_device("username", Device::Username(value.clone()))?,
                "mapHierarchy" => query.map_hierarchy = Some(value.clone()),
                "page" => number = Some(natural("page", value)?),
                "pageSize" => size = Some(natural("pageSize", value)?),
                "sortBy" => query.sort = Some(Sort::parse(value)?),
                _ => {}
            }
        }
        if number.is_some() || size.is_some() {
            query.page = Some(Page {
                // Some count from 0, as MSE 8 did.
                number: number.unwrap_or(1).max(1),
                size: size.unwrap_or(PAGE_SIZE_MAX).clamp(1, PAGE_SIZE_MAX),
            });
        }
        Ok(query)
    }

    /// Asks for what the last segment of a path names.
    pub fn of_device(text: &str) -> Self {
        Self { device: Some(Device::of(text)), ..Self::default() }
    }

    fn set_device(&mut self, key: &'static str, device: Device) -> Result<(), QueryError> {
        match self.device.replace(device) {
            None => Ok(()),
            Some(_) => Err(QueryError::PeerExclusive(key)),
        }
    }

    pub(super) fn matches(&self, located: &Located<'_>) -> bool {
        fits(self.device.as_ref(), |device| device.is(located))
            && fits(self.map_hierarchy.as_deref(), |text| located.is_within(text))
    }
}

impl V3Query {
    /// Reads the pairs; an unknown key is an error, as is a filter beside an address.
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, QueryError> {
        let mut query = Self::default();
        let mut alone = None;
        for (key, value) in pairs {
            match key.as_str() {
                "macAddress" => {
                    query.device = Some(Device::Mac(mac(value)?));
                    alone = Some("macAddress");
                }
                "ipAddress" => {
                    query.device = Some(Device::Ip(ip(value)?));
                    alone = Some("ipAddress");
                }
                "ssid" => query.ssid = Some(value.clone()),
                "username" => query.username = Some(value.clone()),
                "manufacturer" => query.manufacturer = Some(value.clone()),
                "mapHierarchy" => query.map_hierarchy = Some(value.clone()),
                "floorRefId" => query.floor_ref_id = Some(value.clone()),
                "macAddressSearch" => query.mac_address_search = Some(digits(value)?),
                "associatedOnly" => query.associated_only = boolean("associatedOnly", value)?,
                "probingOnly" => query.probing_only = boolean("probingOnly", value)?,
                _ => return Err(QueryError::PeerUnknownFilter(shortened(key))),
            }
        }
        match alone {
            Some(key) if pairs.len() > 1 => Err(QueryError::PeerExclusive(key)),
            _ => Ok(query),
        }
    }

    /// Whether all filters but that of the floor fit.
    pub(super) fn matches(&self, located: &Located<'_>, view: &View<'_>) -> bool {
        let association = &located.element.association;
        fits(self.device.as_ref(), |device| device.is(located))
            && fits(self.ssid.as_deref(), |ssid| association.ssid.as_deref() == Some(ssid))
            && fits(self.username.as_deref(), |name| association.username.as_deref() == Some(name))
            && fits(self.manufacturer.as_deref(), |name| {
                view.manufacturers.name(located.element.mac).as_deref() == Some(name)
            })
            && fits(self.map_hierarchy.as_deref(), |text| located.is_within(text))
            && fits(self.mac_address_search.as_deref(), |digits| {
                located.element.mac.bare().contains(digits)
            })
            && (!self.associated_only || association.associated)
            && (!self.probing_only || !association.associated)
    }
}

impl Device {
    /// The device that a text names: an address of either kind, or else a user.
    pub fn of(text: &str) -> Self {
        let mac = text.parse().map(Self::Mac);
        let mac_or_ip = mac.or_else(|_| text.parse().map(Self::Ip));
        mac_or_ip.unwrap_or_else(|_| Self::Username(text.to_owned()))
    }

    fn is(&self, located: &Located<'_>) -> bool {
        self.names(located.element)
    }

    /// Whether an element is the device, wherever it is.
    pub(crate) fn names(&self, element: &Element) -> bool {
        match self {
            Self::Mac(mac) => element.mac == *mac,
            Self::Ip(ip) => element.association.ip_addresses.contains(ip),
            Self::Username(name) => element.association.username.as_deref() == Some(name),
        }
    }
}

impl Sort {
    fn parse(value: &str) -> Result<Self, QueryError> {
        let bad = || QueryError::PeerBadValue {
            key: "sortBy",
            value: shortened(value),
            allowed: "a field with :ASC or :DESC, as macAddress:ASC",
        };
        let (field, direction) = value.split_once(':').unwrap_or((value, "ASC"));
        let is_descending = match direction.to_ascii_uppercase().as_str() {
            "ASC" => false,
            "DESC" => true,
            _ => return Err(bad()),
        };
        // Programs of the field write `dot11status`, too; of `mapInfo.mapHierarchyString` the end counts.
        let field = field.rsplit('.').next().unwrap_or(field).trim().to_ascii_lowercase();
        let field = match field.as_str() {
            "apmacaddress" => SortField::ApMacAddress,
            "band" => SortField::Band,
            "bytesreceived" => SortField::BytesReceived,
            "bytessent" => SortField::BytesSent,
            "changedon" => SortField::ChangedOn,
            "confidencefactor" => SortField::ConfidenceFactor,
            "dot11status" => SortField::Dot11Status,
            "firstlocatedtime" => SortField::FirstLocatedTime,
            "ipaddress" => SortField::IpAddress,
            "lastlocatedtime" => SortField::LastLocatedTime,
            "macaddress" => SortField::MacAddress,
            "maphierarchy" | "maphierarchystring" => SortField::MapHierarchy,
            "ssid" => SortField::SsId,
            "username" => SortField::UserName,
            _ => return Err(bad()),
        };
        Ok(Self { field, is_descending })
    }
}

/// Whether there is no filter, or it fits.
fn fits<T>(filter: Option<T>, fit: impl FnOnce(T) -> bool) -> bool {
    filter.is_none_or(fit)
}

impl Located<'_> {
    /// Whether the path of the floor, or of a zone that holds the element, contains the text.
    pub(crate) fn is_within(&self, text: &str) -> bool {
        let path = &self.place.path;
        let mut zones = self.place.floor.floor.zones_at(self.position.point);
        path.contains(text) || zones.any(|zone| format!("{path}>{zone}").contains(text))
    }
}

fn mac(value: &str) -> Result<Mac, QueryError> {
    value.parse().map_err(|_| QueryError::PeerBadValue {
        key: "macAddress",
        value: shortened(value),
        allowed: "a MAC address, as 00:50:56:9c:34:89",
    })
}

fn ip(value: &str) -> Result<IpAddr, QueryError> {
    value.trim().parse().map_err(|_| QueryError::PeerBadValue {
        key: "ipAddress",
        value: shortened(value),
        allowed: "an IP address",
    })
}

/// Part of a MAC address, without separators.
fn digits(value: &str) -> Result<String, QueryError> {
    let separator = |c: char| matches!(c, ':' | '-' | '.');
    let digits: String = value.trim().chars().filter(|c| !separator(*c)).collect();
    if digits.chars().all(|c| c.is_ascii_hexdigit()) {
        return Ok(digits.to_ascii_lowercase());
    }
    Err(QueryError::PeerBadValue {
        key: "macAddressSearch",
        value: shortened(value),
        allowed: "part of a MAC address",
    })
}

fn natural(key: &'static str, value: &str) -> Result<usize, QueryError> {
    value.trim().parse().map_err(|_| QueryError::PeerBadValue {
        key,
        value: shortened(value),
        allowed: "a number",
    })
}

fn boolean(key: &'static str, value: &str) -> Result<bool, QueryError> {
    match value.trim().to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => {
            Err(QueryError::PeerBadValue { key, value: shortened(value), allowed: "true or false" })
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v2(query: &str) -> Result<V2Query, String> {
        V2Query::parse(&pairs(query)).map_err(|error| error.to_string())
    }

    fn v3(query: &str) -> Result<V3Query, String> {
        V3Query::parse(&pairs(query)).map_err(|error| error.to_string())
    }

    fn check_page(query: &str, number: usize, size: usize) {
        assert_eq!(v2(query).unwrap().page, Some(Page { number, size }), "{query}");
    }

    #[test]
    fn v2_ignores_what_it_does_not_know() {
        assert_eq!(v2("/page=0&pageZise=50&x"), Ok(V2Query::default()));
        assert_eq!(v2(""), Ok(V2Query::default()));
    }

    #[test]
    fn pages_count_from_one_and_have_a_largest_size() {
        check_page("page=2&pageSize=50", 2, 50);
        check_page("page=0", 1, 1_000);
        check_page("/page=0&pageSize=50", 1, 50);
        check_page("pageSize=99999", 1, 1_000);
        check_page("pageSize=0", 1, 1);
        assert!(v2("page=-1").unwrap_err().contains("'page'"));
        assert!(v2("page=99999999999999999999").unwrap_err().contains("a number"));
    }

    #[test]
    fn a_device_is_named_in_any_form_but_once() {
        let expected = V2Query::of_device("00:50:56:9c:34:89");
        for form in ["00-50-56-9C-34-89", "0050.569c.3489", "00%3A50%3A56%3A9c%3A34%3A89"] {
            assert_eq!(v2(&format!("macAddress={form}")), Ok(expected.clone()), "{form}");
        }
        let ip = Device::Ip("192.0.2.7".parse().unwrap());
        assert_eq!(V2Query::of_device("192.0.2.7").device, Some(ip));
        let name = Device::Username("jane doe".into());
        assert_eq!(v2("username=jane+doe").unwrap().device, Some(name));
        assert!(v2("macAddress=x").unwrap_err().contains("MAC address"));
        assert!(v2("ipAddress=x").unwrap_err().contains("IP address"));
        assert!(v2("ipAddress=192.0.2.7&username=a").unwrap_err().contains("other filters"));
        assert!(v3("macAddress=00505690c489&ssid=a").unwrap_err().contains("other filters"));
    }

    #[test]
    fn an_order_is_a_field_and_a_direction() {
        let sort = |field, is_descending| Some(Sort { field, is_descending });
        assert_eq!(v2("sortBy=macAddress:ASC").unwrap().sort, sort(SortField::MacAddress, false));
        assert_eq!(v2("sortBy=ssId:desc").unwrap().sort, sort(SortField::SsId, true));
        assert_eq!(v2("sortBy=changedOn").unwrap().sort, sort(SortField::ChangedOn, false));
        let status = sort(SortField::Dot11Status, false);
        assert_eq!(v2("sortBy=dot11status:ASC").unwrap().sort, status);
        let place = sort(SortField::MapHierarchy, false);
        assert_eq!(v2("sortBy=mapInfo.mapHierarchyString").unwrap().sort, place);
        assert!(v2("sortBy=colour:ASC").unwrap_err().contains("colour"));
        assert!(v2("sortBy=ssId:UP").unwrap_err().contains("sortBy"));
    }

    #[test]
    fn v3_refuses_what_it_does_not_know() {
        assert_eq!(v3("colour=red").unwrap_err(), "Unknown filter 'colour'");
        assert_eq!(v3("page=1").unwrap_err(), "Unknown filter 'page'");
        assert!(v3("associatedOnly=1").unwrap_err().contains("true or false"));
        assert!(v3("macAddressSearch=xyz").unwrap_err().contains("part of a MAC"));
        let query = v3("associatedOnly=TRUE&probingOnly=false&macAddressSearch=9C-34").unwrap();
        assert!(query.associated_only && !query.probing_only);
        assert_eq!(query.mac_address_search.as_deref(), Some("9c34"));
    }
}
