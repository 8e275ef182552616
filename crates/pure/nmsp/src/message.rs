//! Message numbers and names.
//!
//! Numbers below 0x8000 are those that a 9800 prints in `show nmsp statistics connection`
//! (`reference/nmsp-mse-cmx.md` A.6); the numbers of families that were never published are ours,
//! from 0x8000 upwards.

use serde::{Deserialize, Serialize};

macro_rules! messages {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal, $title:literal;)*) => {
        /// A known message.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[repr(u16)]
        pub enum MessageId { $($(#[$doc])* $variant = $number,)* }

        impl MessageId {
            /// Every known message, by number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The message with this number on the wire.
            pub fn from_wire(number: u16) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }

            /// Name as the MSE console prints it: `SERVICE_SUBSCRIBE_REQUEST`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Name as a controller prints it: `Service Subscribe Request`.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }
        }
    };
}

messages! {
    /// Are you there? Sent by the engine.
    EchoRequest = 1, "ECHO_REQUEST", "Echo Request";
    /// Yes.
    EchoResponse = 2, "ECHO_RESPONSE", "Echo Response";
    /// Versions and sub-services that the sender can do; each side's first message.
    CapabilityNotification = 7, "CAPABILITY_NOTIFICATION", "Capability Notification";
    /// Send all current readings now.
    MeasurementRequest = 13, "MEASUREMENT_REQUEST", "Measurement Request";
    /// The readings asked for.
    MeasurementResponse = 14, "MEASUREMENT_RESPONSE", "Measurement Response";
    /// New readings.
    MeasurementNotification = 15, "MEASUREMENT_NOTIFICATION", "Measurement Notification";
    /// Send all that is known about elements.
    InformationRequest = 16, "INFORMATION_REQUEST", "Information Request";
    /// What was asked for.
    InformationResponse = 17, "INFORMATION_RESPONSE", "Information Response";
    /// Something about an element changed, or it left.
    InformationNotification = 18, "INFORMATION_NOTIFICATION", "Information Notification";
    /// Send all traffic counters of elements.
    StatisticsRequest = 20, "STATISTICS_REQUEST", "Statistics Request";
    /// The counters asked for.
    StatisticsResponse = 21, "STATISTICS_RESPONSE", "Statistics Response";
    /// Traffic counters changed.
    StatisticsNotification = 22, "STATISTICS_NOTIFICATION", "Statistics Notification";
    /// The sub-services that the engine wants.
    ServiceSubscribeRequest = 30, "SERVICE_SUBSCRIBE_REQUEST", "Service Subscribe Request";
    /// The sub-services that it gets.
    ServiceSubscribeResponse = 31, "SERVICE_SUBSCRIBE_RESPONSE", "Service Subscribe Response";
    /// The controller's access points.
    ApInfoNotification = 67, "AP_INFO_NOTIFICATION", "AP Info Notification";
    /// Stations on switch ports came, changed or went. Number ours.
    AttachmentNotification = 0x8002, "ATTACHMENT_NOTIFICATION", "Attachment Notification";
    /// Sensors came, changed or fell silent. Number ours.
    SensorNotification = 0x8003, "SENSOR_NOTIFICATION", "Sensor Notification";
    /// What sensors captured. Number ours.
    CaptureNotification = 0x8004, "CAPTURE_NOTIFICATION", "Capture Notification";
    /// Addresses of switches and of their ports. Number ours.
    LocationNotification = 0x8005, "LOCATION_NOTIFICATION", "Location Notification";
}

impl MessageId {
    /// The number on the wire.
    pub const fn to_wire(self) -> u16 {
        self as u16
    }

    /// Whether the message carries [`crate::Records`].
    pub fn carries_records(self) -> bool {
        matches!(
            self,
            Self::MeasurementResponse
                | Self::MeasurementNotification
                | Self::InformationResponse
                | Self::InformationNotification
                | Self::StatisticsResponse
                | Self::StatisticsNotification
                | Self::ApInfoNotification
                | Self::AttachmentNotification
                | Self::SensorNotification
                | Self::CaptureNotification
                | Self::LocationNotification
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip_and_are_ordered() {
        for id in MessageId::ALL {
            assert_eq!(MessageId::from_wire(id.to_wire()), Some(*id));
        }
        assert!(MessageId::ALL.is_sorted());
        assert_eq!(MessageId::from_wire(3), None);
    }
}
