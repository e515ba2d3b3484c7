import Foundation
import Testing
import Threading

@Suite("Dedicated thread")
struct DedicatedThreadTests {
    @Test("its name is the one that the system shows, as far as that has room")
    func name() throws {
        let shown = BlockingQueue<String>()
        _ = DedicatedThread(name: "a-name-that-is-too-long") {
            shown.push((try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)) ?? "")
        }
        guard case .element(let name) = shown.pop(until: .now + .seconds(20)) else { return #expect(Bool(false)) }
        #expect(name == "a-name-that-is-\n")
    }
}
