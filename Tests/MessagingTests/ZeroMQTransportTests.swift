import Foundation
import Messaging
import Testing

@Suite("ZeroMQ transport")
struct ZeroMQTransportTests {
    @Test("a taken address is refused with the way out")
    func addressInUse() throws {
        let first = try ZeroMQTransport(id: "first", listeningAt: "tcp://127.0.0.1:*")
        defer { first.close() }
        let address = try #require(first.address)
        let error = #expect(throws: TransportError.self) {
            try ZeroMQTransport(id: "second", listeningAt: address)
        }
        #expect(
            error?.description == """
                cannot listen at \(address): address already in use; end the program that listens there, or choose \
                another port (0 takes a free one)
                """)
    }

    @Test(
        "an address that makes no sense is refused with the reason",
        arguments: [
            ("localhost:80", "write it as tcp://HOST:PORT or ipc://@NAME"),
            ("tcp://localhost", "write it as tcp://HOST:PORT or ipc://@NAME"),
            ("tcp://localhost:99999", "\"99999\" is not a port; use a number from 1 to 65535"),
            ("ipc://file", "write it as tcp://HOST:PORT or ipc://@NAME"),
            ("ipc://@" + String(repeating: "x", count: 107), "the name is longer than 106 bytes"),
            ("tcp://*:0", "other hosts cannot dial a wildcard; say which host name to advertise"),
        ])
    func malformedAddress(address: String, reason: String) {
        let error = #expect(throws: TransportError.self) { try ZeroMQTransport(id: "a", listeningAt: address) }
        #expect(error?.description == "cannot listen at \(address): \(reason)")
    }

    @Test("dialling a wildcard is refused")
    func dialWildcard() throws {
        let a = try ZeroMQTransport(id: "a")
        defer { a.close() }
        let error = #expect(throws: TransportError.self) { try a.connect(to: "b", at: "tcp://*:0") }
        #expect(
            error?.description == """
                cannot connect to b at tcp://*:0: it names all hosts or any port; give the address that the peer reports
                """)
    }

    @Test("the advertised address has the caller's host and the real port")
    func advertisedHost() throws {
        let a = try ZeroMQTransport(id: "a", listeningAt: "tcp://*:0", advertisedHost: "localhost")
        let b = try ZeroMQTransport(id: "b")
        defer {
            a.close()
            b.close()
        }
        let address = try #require(a.address)
        #expect(address.hasPrefix("tcp://localhost:"))
        #expect(Int(address.dropFirst("tcp://localhost:".count)).map { $0 > 0 } == true)
        try b.connect(to: "a", at: address)
        try b.send([Frame([1])], to: "a")
        #expect(try a.message().frames == [[1]])
    }

    @Test("a peer that never listens is unreachable after the connect timeout")
    func connectTimeout() throws {
        var options = ZeroMQOptions()
        options.connectTimeout = .milliseconds(50)
        let gone = try ZeroMQTransport(id: "gone", listeningAt: "tcp://127.0.0.1:0")
        let address = try #require(gone.address)
        gone.close()
        let a = try ZeroMQTransport(id: "a", options: options)
        defer { a.close() }
        let released = Released()
        try a.connect(to: "gone", at: address)
        let bytes: [UInt8] = [1, 2, 3]
        try bytes.withUnsafeBytes { bytes in
            try a.send([Frame(borrowing: bytes, owner: Lease(released))], to: "gone")
            #expect(try a.unreachability(of: "gone") == "no connection to \(address) within 50 ms")
            #expect(released.wait(for: 1))
        }
    }

    @Test("a frame beyond the limit is refused before it is sent")
    func frameTooLarge() throws {
        var options = ZeroMQOptions()
        options.maximumFrameBytes = 1000
        let a = try ZeroMQTransport(id: "a", options: options)
        defer { a.close() }
        let error = #expect(throws: TransportError.self) {
            try a.send([Frame(Array(repeating: 0, count: 1001))], to: "b")
        }
        #expect(
            error?.description
                == "a frame of 1001 bytes for b is larger than the 1000 bytes that peers accept; send it in parts")
    }

    @Test("disconnecting releases lent memory that the peer does not take")
    func releaseOnDisconnect() throws {
        // A listener that never accepts takes no more than the system's socket buffers hold.
        let listener = try SilentListener()
        defer { listener.close() }
        let a = try ZeroMQTransport(id: "a")
        defer { a.close() }
        let released = Released()
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { block.deallocate() }
        block.initializeMemory(as: UInt8.self, repeating: 1)
        try a.connect(to: "silent", at: "tcp://127.0.0.1:\(listener.port)")
        try a.send([Frame(borrowing: UnsafeRawBufferPointer(block), owner: Lease(released))], to: "silent")
        a.disconnect(from: "silent")
        #expect(released.wait(for: 1))
    }

    @Test("several connections carry large messages, all under the peer's one name")
    func connections() throws {
        let (a, b) = (
            try ZeroMQTransport(id: "a"), try ZeroMQTransport(id: "b", listeningAt: "tcp://127.0.0.1:0")
        )
        defer {
            a.close()
            b.close()
        }
        try a.connect(to: "b", at: #require(b.address), connections: 3)
        for number in 0..<12 {
            try a.send([Frame(number), Frame([UInt8](repeating: UInt8(number), count: 40_000))], to: "b")
        }
        try a.send([Frame(12)], to: "b")
        var found: Set<String> = []
        for _ in 0...12 {
            let message = try b.message()
            #expect(message.sender == "a")
            let number = String(decoding: message.frames[0], as: UTF8.self)
            if message.frames.count > 1 {
                #expect(message.frames[1] == [UInt8](repeating: UInt8(number) ?? 0, count: 40_000))
            }
            found.insert(number)
        }
        #expect(found == Set((0...12).map(String.init)))
        // The answer takes the first of them.
        try b.send([Frame([2])], to: "a")
        #expect(try a.message().frames == [[2]])
        a.close()
        for _ in 0..<3 { try b.disconnection(of: "a") }
    }

    @Test("transports leave no descriptors behind")
    func descriptors() async {
        // In a process of its own, since other suites open and close descriptors meanwhile.
        await #expect(processExitsWith: .success) {
            func openDescriptors() throws -> Int {
                try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
            }
            func round() throws {
                let a = try ZeroMQTransport(id: "a", listeningAt: "tcp://127.0.0.1:0")
                let b = try ZeroMQTransport(id: "b", listeningAt: "tcp://127.0.0.1:0")
                try a.dial(b)
                try b.dial(a)
                try a.send([Frame([1])], to: "b")
                _ = try b.message()
                a.close()
                b.close()
            }
            // The first round may open what stays, and a thread may close something a moment after its end; a leak
            // leaves 40 or more.
            try round()
            let before = try openDescriptors()
            for _ in 0..<40 { try round() }
            let left = try openDescriptors() - before
            #expect(left < 20, "\(left) descriptors are left of 40 rounds of two transports")
        }
    }

    @Test("the library's version is reported and old ones are refused")
    func version() throws {
        #expect(ZeroMQLibrary.version.split(separator: ".").count == 3)
        #expect(ZeroMQLibrary.hasCurve)
        try ZeroMQLibrary.requireSafeVersion()
        let error = #expect(throws: TransportError.self) {
            try ZeroMQLibrary.require((4, 3, 2), atLeast: (4, 3, 3))
        }
        #expect(
            error?.description
                == "libzmq 4.3.2 is too old: it can be crashed before the handshake; install 4.3.3 or newer")
    }
}

/// A tcp listener that accepts nobody.
private struct SilentListener {
    let descriptor: Int32
    let port: UInt16

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        try withUnsafeMutablePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                try #require(bind(descriptor, pointer, size) == 0)
                try #require(listen(descriptor, 1) == 0)
                try #require(getsockname(descriptor, pointer, &size) == 0)
            }
        }
        port = UInt16(bigEndian: address.sin_port)
    }

    func close() { Glibc.close(descriptor) }
}
