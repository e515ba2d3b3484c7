import Foundation

/// The limits and intervals of a `ZeroMQTransport`.
public struct ZeroMQOptions: Sendable {
    /// How often each end of a connection asks the other for a sign of life.
    ///
    /// libzmq's I/O thread answers, so this finds dead hosts and broken links, not stuck programs.
    public var heartbeatInterval: Duration = .seconds(1)
    /// After how long a silence the connection counts as broken.
    public var heartbeatTimeout: Duration = .seconds(5)
    /// How long a message waits for a dialled connection before it is reported as unreachable.
    public var connectTimeout: Duration = .seconds(10)
    /// How long `close` lets queued messages flow off.
    public var linger: Duration = .seconds(1)
    /// The largest frame that is sent or taken, in bytes; a peer that sends more is disconnected.
    public var maximumFrameBytes: Int = 256 << 20
    /// The number of libzmq's I/O threads, which share the connections; one fills a 10 Gbit/s link.
    public var ioThreads: Int = min(max(ProcessInfo.processInfo.activeProcessorCount / 2, 1), 4)

    /// The defaults.
    public init() {}
}

extension Duration {
    /// The duration as in `30 s` or `250 ms`, for messages.
    package var text: String {
        let count = milliseconds
        return count % 1000 == 0 ? "\(count / 1000) s" : "\(count) ms"
    }

    /// The duration in whole milliseconds, as libzmq takes it.
    var milliseconds: Int32 {
        Int32(clamping: components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000)
    }
}
