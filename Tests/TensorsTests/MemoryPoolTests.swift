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

    @Test("a block goes to the smallest gap that holds it")
    func bestFit() {
        let pool = MemoryPool()
        var first: Tensor? = Tensor(zeros: [1_000_000], pool: pool)
        let between = Tensor(zeros: [16], pool: pool)
        var second: Tensor? = Tensor(zeros: [1_000], pool: pool)
        let after = Tensor(zeros: [16], pool: pool)
        let (large, small) = (first.map(address), second.map(address))
        first = nil
        second = nil
        #expect(passingAddress(900, pool) == small)
        #expect(passingAddress(2_000, pool) == large)
        #expect(between.count + after.count == 32)
    }

    @Test("blocks that have been freed make room for a larger one")
    func joining() {
        let pool = MemoryPool()
        var tensors = (0..<8).map { _ in Tensor(zeros: [512], pool: pool) }
        let used = pool.usedBytes
        tensors = []
        let large = Tensor(zeros: [7 * 512], pool: pool)
        #expect(pool.usedBytes == used && large.count == 7 * 512 && tensors.isEmpty)
    }

    @Test("a tensor larger than a piece of memory gets one of its own")
    func largeBlock() {
        let pool = MemoryPool()
        let tensor = Tensor([80 << 20], pool: pool) { $0[80 << 20 - 1] = 1 }
        let small = Tensor(zeros: [16], pool: pool)
        #expect(tensor.count == 80 << 20 && small.elements.allSatisfy { $0 == 0 })
    }

    @Test("random blocks never overlap, and all of the memory comes back", arguments: 0..<8)
    func randomBlocks(seed: Int) {
        var generator = CaseGenerator(seed: UInt64(seed))
        var gaps = Gaps(count: 4096)
        var held: [Range<Int>] = []
        for _ in 0..<500 {
            let count = generator.integer(in: 1...300)
            if generator.integer(in: 0...2) > 0, let start = gaps.take(count) {
                let block = start..<start + count
                #expect(held.allSatisfy { !$0.overlaps(block) } && block.upperBound <= 4096, "seed \(seed)")
                held.append(block)
            } else if !held.isEmpty {
                gaps.put(held.remove(at: generator.integer(in: 0...held.count - 1)))
            }
        }
        for block in held { gaps.put(block) }
        #expect(gaps.ranges == [0..<4096], "seed \(seed)")
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
