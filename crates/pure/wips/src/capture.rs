//! Captures in files and pipes: pcap and pcapng.
