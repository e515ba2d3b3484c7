/// Sums operands up the shard tree to one node, block by block, so that each operand is read once from memory.
package struct TreeSum {
    private enum Instruction {
        case push(operand: Int)
        case add
    }

    /// Elements of a block: all intermediate sums stay in the first-level cache.
    package static let block = 1024

    /// The number of blocks of scratch memory that `run` needs.
    package let scratchBlocks: Int
    private let program: [Instruction]

    /// The sum of `operands` to `result`, of which they must be disjoint nodes that make it up.
    package init(to result: ShardNode, from operands: [ShardNode]) {
        var program: [Instruction] = []
        func emit(_ node: ShardNode) {
            if let index = operands.firstIndex(of: node) {
                program.append(.push(operand: index))
            } else if let children = node.children {
                emit(children.left)
                emit(children.right)
                program.append(.add)
            } else {
                preconditionFailure("the operands \(operands) do not make up \(result)")
            }
        }
        emit(result)
        var depth = 0
        var deepest = 0
        for instruction in program {
            if case .push = instruction { depth += 1 } else { depth -= 1 }
            deepest = max(deepest, depth)
        }
        self.program = program
        scratchBlocks = deepest
    }

    /// Writes the sum of `count` elements, from the start of a block on if sums are rounded, into `destination`, which may be one of the operands.
    package func run(
        _ operands: [UnsafeRawPointer], into destination: UnsafeMutablePointer<Float>, count: Int,
        rounding encoding: WireEncoding = .float32, scratch: UnsafeMutablePointer<Float>,
        stack: inout [UnsafeRawPointer]
    ) {
        if program.count == 1 {
            let source = operands[0]
            if source != UnsafeRawPointer(destination) {
                UnsafeMutableRawPointer(destination).copyMemory(from: source, byteCount: count * 4)
            }
            return
        }
        if program.count == 3 && encoding == .float32 {
            add(operands[0], operands[1], into: destination, count: count)
            return
        }
        for start in stride(from: 0, to: count, by: Self.block) {
            let length = min(Self.block, count - start)
            for (index, instruction) in program.enumerated() {
                switch instruction {
                case .push(let operand):
                    stack.append(operands[operand] + start * 4)
                case .add:
                    let right = stack.removeLast()
                    let left = stack.removeLast()
                    let isLast = index + 1 == program.count
                    let sum = isLast ? destination + start : scratch + stack.count * Self.block
                    add(left, right, into: sum, count: length)
                    encoding.round(sum, count: length)
                    if !isLast { stack.append(sum) }
                }
            }
        }
    }
}
