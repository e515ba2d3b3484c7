import Foundation

/// How many files a process may have open; each connection is one, and ZeroMQ ends a process that gets no more.
package enum OpenFiles {
    /// Files of a process that talks to nobody: program, logs, data, journal, the sockets' own events.
    private static let base = 96
    /// Files for each other process: connections for control, gradients, state and samples, with the sockets' events.
    private static let perPeer = 16

    /// Makes sure that this process can talk to `peers` others: raises its own limit as far as the system allows.
    ///
    /// - Throws: ``OpenFilesError`` when the system does not allow enough.
    static func allow(peers: Int) throws {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return }
        let needed = try needed(peers: peers, allowed: limit.rlim_max)
        guard limit.rlim_cur < needed else { return }
        limit.rlim_cur = needed
        setrlimit(resource, &limit)
    }

    /// The files that a process needs that talks to `peers` others.
    ///
    /// - Throws: ``OpenFilesError`` when these are more than `allowed`.
    package static func needed(peers: Int, allowed: UInt) throws(OpenFilesError) -> UInt {
        let needed = UInt(base + peers * perPeer)
        if needed > allowed { throw OpenFilesError(peers: peers, needed: needed, allowed: allowed) }
        return needed
    }
}

/// A process that may not open enough files.
package struct OpenFilesError: Error, Equatable, CustomStringConvertible {
    let peers: Int
    let needed, allowed: UInt

    package var description: String {
        "to talk to \(peers) other processes this one needs \(needed) open files, and may have \(allowed); raise the limit "
            + "with: ulimit -n \(needed)"
    }
}
