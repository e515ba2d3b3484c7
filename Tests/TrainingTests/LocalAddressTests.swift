import Foundation
import Testing
import Training

@Suite("Local address")
struct LocalAddressTests {
    @Test("the way to a coordinator on this host leaves from where it listens")
    func loopback() {
        #expect(LocalAddress.route(to: "tcp://127.0.0.1:5555") == "127.0.0.1")
        #expect(LocalAddress.route(to: "tcp://localhost:5555") != nil)
    }

    @Test(
        "there is no way to what is no address", arguments: ["", "nowhere", "tcp://127.0.0.1", "ipc://@x", "tcp://::"])
    func nowhere(address: String) {
        #expect(LocalAddress.route(to: address) == nil)
    }

    @Test("a way over IPv6 is written in brackets")
    func version6() throws {
        let sixth = try #require(try? String(contentsOfFile: "/proc/net/if_inet6", encoding: .utf8))
        let hasLoopback = sixth.contains("00000000000000000000000000000001")
        #expect(LocalAddress.route(to: "tcp://[::1]:5555") == (hasLoopback ? "[::1]" : nil))
    }

    @Test("abstract sockets have names of their own that tell process and purpose")
    func abstract() {
        let names = (0..<100).map { _ in LocalAddress.abstract("data") }
        #expect(Set(names).count == 100)
        #expect(names.allSatisfy { $0.hasPrefix("ipc://@convoy-data-\(getpid())-") })
        // The kernel takes 107 bytes after the null.
        #expect(names.allSatisfy { $0.utf8.count < 100 })
    }
}
