import Foundation

/// Addresses under which the processes of a run reach each other.
package enum LocalAddress {
    /// The address of this host that packets to `coordinator`, `tcp://HOST:PORT`, leave from.
    ///
    /// Others on that network reach this host there, which its name does not promise. Nil when the coordinator's name
    /// cannot be resolved or there is no route.
    package static func route(to coordinator: String) -> String? {
        let scheme = "tcp://"
        guard coordinator.hasPrefix(scheme) else { return nil }
        let place = coordinator.dropFirst(scheme.count)
        guard let colon = place.lastIndex(of: ":") else { return nil }
        let host = place[..<colon].filter { !"[]".contains($0) }
        let port = place[place.index(after: colon)...]
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(String(host), String(port), &hints, &list) == 0 else { return nil }
        defer { freeaddrinfo(list) }
        var next = list
        while let candidate = next?.pointee {
            next = candidate.ai_next
            if let address = source(toward: candidate) { return address }
        }
        return nil
    }

    /// An abstract socket of this host, which leaves no file; `purpose` tells what it is for.
    package static func abstract(_ purpose: String) -> String {
        "ipc://@convoy-\(purpose)-\(getpid())-\(String(UInt64.random(in: 0 ... .max), radix: 36))"
    }

    /// Where to listen for a second purpose beside `address`: on the same host, at a port that is free.
    static func beside(_ address: String) -> String {
        address.lastIndex(of: ":").map { address[..<$0] + ":*" } ?? address
    }

    /// `address`, of the form `SCHEME://HOST:PORT`, with the port of `other`.
    static func withPort(of other: String, _ address: String) -> String {
        guard let colon = address.lastIndex(of: ":"), let port = other.lastIndex(of: ":") else { return address }
        return String(address[..<colon]) + other[port...]
    }

    /// Connecting a datagram socket sends nothing; it makes the kernel choose the route and with it the address.
    private static func source(toward target: addrinfo) -> String? {
        let descriptor = socket(target.ai_family, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard connect(descriptor, target.ai_addr, target.ai_addrlen) == 0 else { return nil }
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let isFound = withUnsafeMutablePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                getsockname(descriptor, address, &length) == 0
                    && getnameinfo(address, length, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
            }
        }
        guard isFound else { return nil }
        let name = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return name.contains(":") ? "[\(name)]" : name
    }
}
