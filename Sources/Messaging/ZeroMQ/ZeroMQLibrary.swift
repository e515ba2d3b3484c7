import CZeroMQ

/// The libzmq that this process runs with.
public enum ZeroMQLibrary {
    /// The version as in `4.3.4`.
    public static var version: String { text(loaded) }

    /// Whether the library was built with CurveZMQ, the encryption of links between hosts.
    public static var hasCurve: Bool { zmq_has("curve") == 1 }

    /// Checks that the library has no hole that is open before a handshake (CVE-2019-13132, CVE-2020-15166).
    ///
    /// - Throws: `TransportError.libraryTooOld` below 4.3.3.
    public static func requireSafeVersion() throws(TransportError) {
        try require(loaded, atLeast: (4, 3, 3))
    }

    typealias Version = (major: Int32, minor: Int32, patch: Int32)

    package static func require(_ version: (Int32, Int32, Int32), atLeast needed: (Int32, Int32, Int32))
        throws(TransportError)
    {
        guard version >= needed else { throw .libraryTooOld(version: text(version), needed: text(needed)) }
    }

    private static var loaded: Version {
        var version: Version = (0, 0, 0)
        zmq_version(&version.major, &version.minor, &version.patch)
        return version
    }

    private static func text(_ version: Version) -> String { "\(version.major).\(version.minor).\(version.patch)" }

    /// The text of libzmq's last error on this thread.
    static func reason(_ code: Int32 = zmq_errno()) -> String {
        String(cString: zmq_strerror(code)).lowercased()
    }
}
