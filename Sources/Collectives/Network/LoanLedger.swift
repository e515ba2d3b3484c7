import Threading

/// Counts the pieces of memory that have been lent to a transport and not come back yet, for each rank.
final class LoanLedger: @unchecked Sendable {  // `open` is behind `condition`.
    private let condition = Condition()
    private var open: [Int]

    init(ranks: Int) { open = Array(repeating: 0, count: ranks) }

    /// A loan to `rank`, which ends when nobody refers to it any more.
    func lend(to rank: Int) -> Loan {
        condition.withLock { open[rank] += 1 }
        return Loan(self, rank)
    }

    fileprivate func giveBack(from rank: Int) {
        condition.withLock {
            open[rank] -= 1
            condition.broadcast()
        }
    }

    /// Waits until everything has come back; otherwise the ranks that hold something at `deadline`.
    func settle(until deadline: ContinuousClock.Instant) -> [Int] {
        condition.withLock {
            while true {
                let holders = open.indices.filter { open[$0] > 0 }
                if holders.isEmpty || !condition.wait(until: deadline) { return holders }
            }
        }
    }
}

/// The owner of frames on lent memory.
final class Loan {
    private let ledger: LoanLedger
    private let rank: Int

    fileprivate init(_ ledger: LoanLedger, _ rank: Int) {
        self.ledger = ledger
        self.rank = rank
    }

    deinit { ledger.giveBack(from: rank) }
}
