import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Networks")
    struct NetworkTests {
        private static let hasVersion6 =
            (try? String(contentsOfFile: "/proc/net/if_inet6", encoding: .utf8))?
            .contains("00000000000000000000000000000001") ?? false

        /// Runs a coordinator at `address` with one worker to the end, after `disturb` was called with its port.
        private func run(at address: String, _ disturb: (UInt16) throws -> Void = { _ in }) throws {
            try Sandbox.with { sandbox in
                let coordinator = try sandbox.start(
                    sandbox.training("coordinator", workers: 1, "training.epochs=1", "data.limit=64")
                        + ["--bind", address])
                let line = try coordinator.line(holding: "convoy worker --coordinator ")
                let address = try #require(line.split(separator: " ").last.map(String.init))
                try disturb(try #require(address.split(separator: ":").last.flatMap { UInt16($0) }))
                let worker = try sandbox.start(["worker", "--coordinator", address])
                for process in [coordinator, worker] {
                    #expect(try process.end() == .status(0), "\(process.standardError)")
                }
                #expect(try sandbox.run().result.status == "completed")
            }
        }

        @Test("of version 6 alone carry a run", .enabled(if: hasVersion6))
        func version6() throws { try run(at: "tcp://[::1]:0") }

        @Test("a coordinator whose port is flooded by strangers leads its run all the same")
        func strangers() throws {
            var connections: [Int32] = []
            defer { for connection in connections { close(connection) } }
            try run(at: "tcp://127.0.0.1:0") { port in
                // Half of them say nothing, the others what is no greeting.
                for number in 0..<300 {
                    let connection = try connect(to: port)
                    connections.append(connection)
                    let garbage = [UInt8](repeating: UInt8(number % 251), count: 100)
                    if number % 2 == 1 { _ = send(connection, garbage, garbage.count, Int32(MSG_NOSIGNAL)) }
                }
            }
        }

        private func connect(to port: UInt16) throws -> Int32 {
            let connection = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            let status = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(connection, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            try #require(connection >= 0 && status == 0, "\(String(cString: strerror(errno)))")
            return connection
        }
    }
}
