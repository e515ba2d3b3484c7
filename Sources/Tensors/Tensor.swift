/// Float32 numbers in a shape, contiguous and row-major, with value semantics.
///
/// Copies share memory until one of them is written.
public struct Tensor: Sendable {
    /// The sizes of the axes.
    public let shape: Shape
    private var storage: Storage

    /// A tensor whose elements `fill` writes; it must write all of them.
    public init(_ shape: Shape, pool: MemoryPool? = nil, fill: (UnsafeMutablePointer<Float>) throws -> Void) rethrows {
        self.shape = shape
        storage = Storage(count: shape.count, pool: pool)
        try fill(storage.base)
    }

    /// A tensor of zeros.
    public init(zeros shape: Shape, pool: MemoryPool? = nil) {
        self.init(shape, pool: pool) { $0.update(repeating: 0, count: shape.count) }
    }

    /// A tensor with the given elements, row by row.
    public init(_ shape: Shape, _ elements: [Float]) {
        precondition(elements.count == shape.count, "\(elements.count) elements do not fill \(shape)")
        self.init(shape) { base in
            elements.withUnsafeBufferPointer {
                if let source = $0.baseAddress { base.update(from: source, count: $0.count) }
            }
        }
    }

    /// A tensor on memory that `owner` keeps alive: reading shares it, writing copies first.
    public init(window base: UnsafeMutablePointer<Float>, _ shape: Shape, owner: AnyObject) {
        self.shape = shape
        storage = Storage(window: base, count: shape.count, owner: owner)
    }

    private init(_ shape: Shape, sharing storage: Storage) {
        self.shape = shape
        self.storage = storage
    }

    /// The number of elements.
    public var count: Int { shape.count }

    /// Calls `body` with the elements, valid during the call.
    public func withElements<Result>(_ body: (UnsafePointer<Float>) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(storage) { try body(UnsafePointer(storage.base)) }
    }

    /// Calls `body` with the elements for writing; copies them first when they are shared.
    public mutating func withMutableElements<Result>(
        pool: MemoryPool? = nil, _ body: (UnsafeMutablePointer<Float>) throws -> Result
    ) rethrows -> Result {
        if storage.isWindow || !isKnownUniquelyReferenced(&storage) {
            let copy = Storage(count: count, pool: pool)
            copy.base.update(from: storage.base, count: count)
            storage = copy
        }
        return try withExtendedLifetime(storage) { try body(storage.base) }
    }

    /// The same elements in another shape of the same count; shares memory.
    public func reshaped(to shape: Shape) -> Tensor {
        precondition(shape.count == count, "\(self.shape) cannot be reshaped to \(shape)")
        return Tensor(shape, sharing: storage)
    }

    /// The elements, row by row.
    public var elements: [Float] {
        withElements { Array(UnsafeBufferPointer(start: $0, count: count)) }
    }
}
