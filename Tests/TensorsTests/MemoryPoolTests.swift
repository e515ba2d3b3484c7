import Tensors
import TestSupport
import Testing

@Suite("Memory pool")
struct MemoryPoolTests {
    private func address(_ tensor: Tensor) -> UInt { tensor.withElements { UInt(bitPattern: $0) } }

    /// Where a tensor that is freed at once lay.
    private func passingAddress(_ count: Int, _ pool: MemoryPool) -> UInt {
        address(Tensor(zeros: [count], pool: pool))
    }

    @Test("a freed block is handed out again")
    func reuse() {
        let pool = MemoryPool()
        #expect(passingAddress(1000, pool) == passingAddress(1000, pool))
    }

    @Test("a slightly smaller tensor reuses the block of a larger one")
    func raggedReuse() {
        let pool = MemoryPool()
        #expect(passingAddress(128 * 3072, pool) == passingAddress(127 * 3072, pool))
    }

    @Test("blocks in use are not handed out")
    func exclusivity() {
        let pool = MemoryPool()
        let tensors = (0..<8).map { _ in Tensor(zeros: [100], pool: pool) }
        #expect(Set(tensors.map(address)).count == 8)
    }

    @Test("a block of another size does not serve")
    func sizes() {
        let pool = MemoryPool()
        let small = passingAddress(16, pool)
        let large = Tensor(zeros: [1_000_000], pool: pool)
        #expect(address(large) != small)
    }

    @Test("a shared block is freed with the last tensor on it")
    func sharing() {
        let pool = MemoryPool()
        var tensor: Tensor? = Tensor(zeros: [64], pool: pool)
        let first = tensor.map(address)
        let copy = tensor?.reshaped(to: [8, 8])
        tensor = nil
        let other = Tensor(zeros: [64], pool: pool)
        #expect(address(other) != first)
        #expect(copy.map(address) == first)
    }

    @Test("tensors outlive the variable that holds their pool")
    func lifetime() {
        var pool: MemoryPool? = MemoryPool()
        let tensor = Tensor([2], pool: pool) { base in
            base[0] = 1
            base[1] = 2
        }
        pool = nil
        #expect(tensor.elements == [1, 2])
    }

    @Test("an engine's scratch memory is reused")
    func scratch() throws {
        let engine = try Engine()
        let addresses = (0..<3).map { _ in engine.withScratch(500) { UInt(bitPattern: $0) } }
        #expect(Set(addresses).count == 1)
    }
}
