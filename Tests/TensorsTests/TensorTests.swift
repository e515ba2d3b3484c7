import Tensors
import TestSupport
import Testing

@Suite("Tensors")
struct TensorTests {
    @Test("a copy keeps its elements when the original is written")
    func copyOnWrite() {
        var tensor = Tensor([2, 2], [1, 2, 3, 4])
        let copy = tensor
        tensor.withMutableElements { $0[0] = 9 }
        #expect(tensor.elements == [9, 2, 3, 4])
        #expect(copy.elements == [1, 2, 3, 4])
    }

    @Test("writing the only copy does not move it")
    func inPlace() {
        var tensor = Tensor([3], [1, 2, 3])
        let before = tensor.withElements { UInt(bitPattern: $0) }
        let during = tensor.withMutableElements { UInt(bitPattern: $0) }
        #expect(before == during)
    }

    @Test("reshaping shares memory until one of the shapes is written")
    func reshaping() {
        var tensor = Tensor([2, 3], [1, 2, 3, 4, 5, 6])
        let reshaped = tensor.reshaped(to: [3, 2])
        #expect(reshaped.shape == [3, 2])
        #expect(tensor.withElements { UInt(bitPattern: $0) } == reshaped.withElements { UInt(bitPattern: $0) })
        tensor.withMutableElements { $0[5] = 0 }
        #expect(reshaped.elements == [1, 2, 3, 4, 5, 6])
    }

    /// Memory that outlives the windows on it.
    private final class Owner {
        let base: UnsafeMutablePointer<Float>
        let didEnd: () -> Void

        init(_ elements: [Float], didEnd: @escaping () -> Void = {}) {
            base = .allocate(capacity: elements.count)
            base.initialize(from: elements, count: elements.count)
            self.didEnd = didEnd
        }

        deinit {
            base.deallocate()
            didEnd()
        }
    }

    @Test("a window shows its owner's memory and never writes to it")
    func windows() {
        let owner = Owner([1, 2, 3])
        var window = Tensor(window: owner.base + 1, [2], owner: owner)
        #expect(window.elements == [2, 3])
        owner.base[2] = 7
        #expect(window.elements == [2, 7])
        window.withMutableElements { $0[0] = 5 }
        #expect(window.elements == [5, 7])
        #expect(owner.base[1] == 2)
    }

    @Test("a window keeps its owner alive, and no longer")
    func windowLifetime() {
        var hasEnded = false
        var window: Tensor? = Tensor(window: .allocate(capacity: 1), [0], owner: Owner([]))
        do {
            let owner = Owner([4]) { hasEnded = true }
            window = Tensor(window: owner.base, [1], owner: owner)
        }
        #expect(!hasEnded && window?.elements == [4])
        window = nil
        #expect(hasEnded)
    }

    @Test("elements lie at cache lines")
    func alignment() {
        for count in [1, 15, 17, 1000] {
            let address = Tensor(zeros: [count]).withElements { UInt(bitPattern: $0) }
            #expect(address % UInt(MemoryPool.alignment) == 0)
        }
    }

    @Test("an empty tensor has a shape and no elements")
    func empty() {
        let tensor = Tensor(zeros: [3, 0, 2])
        #expect(tensor.count == 0 && tensor.elements == [])
    }

    @Test("a shape tells its sizes")
    func shapes() {
        let shape: Shape = [4, 32, 16, 3]
        #expect(shape.rank == 4 && shape.count == 6144 && shape[2] == 16)
        #expect("\(shape)" == "[4, 32, 16, 3]")
        #expect(Shape([]).count == 1)
    }

    @Test("misuse ends the process instead of reading foreign memory")
    func misuse() async {
        await #expect(processExitsWith: .failure) { _ = Tensor([2, 2], [1, 2, 3]) }
        await #expect(processExitsWith: .failure) { _ = Tensor(zeros: [4]).reshaped(to: [5]) }
        await #expect(processExitsWith: .failure) { _ = Shape([2, -1]) }
    }
}
