import Messaging

/// How the workers of a host come by the memory that they share: the first one makes it and tells the others where it is.
struct HostMeeting {
    private let watch: GroupWatch
    private let ranks: [Int]
    private let position: Position

    /// The meeting of the group's `ranks` that are on this host.
    init(_ watch: GroupWatch, ranks: [Int]) {
        self.watch = watch
        self.ranks = ranks
        position = Position(generation: watch.generation, step: 0, bucket: 0)
    }

    /// Opens the memory, and returns when all have.
    func open(_ layout: HostArena.Layout) throws(CollectiveError) -> HostArena {
        let end = ContinuousClock.now + watch.deadline
        let region = watch.rank == ranks[0] ? try make(layout) : try accept(offer(until: end, layout))
        let arena = try lay(out: region, layout)
        arena.joined(ranks.firstIndex(of: watch.rank) ?? 0).advance(to: 1)
        for index in ranks.indices {
            while !arena.joined(index).sleep(until: 1, atMost: .milliseconds(5)) {
                try watch.look(position)
                if ContinuousClock.now >= end {
                    throw absent(ranks.indices.filter { !arena.joined($0).hasReached(1) }.map { ranks[$0] })
                }
            }
        }
        // From here on the memory goes with the last of its users.
        region.closeDoor()
        return arena
    }

    private func lay(out region: SharedRegion, _ layout: HostArena.Layout) throws(CollectiveError) -> HostArena {
        do throws(TransportError) {
            return try HostArena(region, layout)
        } catch {
            throw .transport(error)
        }
    }

    private func make(_ layout: HostArena.Layout) throws(CollectiveError) -> SharedRegion {
        do throws(TransportError) {
            let region = try SharedRegion(creating: layout.byteCount)
            let offer = HostOffer(runID: watch.mailbox.runID, generation: watch.generation, region: region.offer)
            for rank in ranks.dropFirst() {
                try watch.mailbox.transport.send([offer.frame], to: watch.members[rank])
            }
            return region
        } catch {
            throw .transport(error)
        }
    }

    private func accept(_ offer: SharedRegion.Offer) throws(CollectiveError) -> SharedRegion {
        do throws(TransportError) {
            return try SharedRegion(opening: offer)
        } catch {
            throw .transport(error)
        }
    }

    private func offer(
        until end: ContinuousClock.Instant, _ layout: HostArena.Layout
    ) throws(CollectiveError) -> SharedRegion.Offer {
        while true {
            if let offer = watch.mailbox.offer(of: watch.members[ranks[0]], generation: watch.generation) {
                guard offer.count == layout.byteCount else { throw .differentLayout(peer: watch.names[ranks[0]]) }
                return offer
            }
            let delivery: SegmentMailbox.Delivery
            do throws(TransportError) {
                delivery = try watch.mailbox.next(at: position, until: end)
            } catch {
                throw .transport(error)
            }
            switch delivery {
            case .segment(let segment): watch.mailbox.keep(segment)
            case .offer, .grant, .woken, .lost, .damaged, .request: break
            case .nothing: throw absent([ranks[0]])
            }
            try watch.check(position)
        }
    }

    private func absent(_ ranks: [Int]) -> CollectiveError {
        .absent(
            rank: watch.rank, waited: watch.deadline, peers: ranks.map { watch.names[$0] }, step: nil, bucket: nil)
    }
}
