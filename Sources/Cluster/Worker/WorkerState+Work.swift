import Messaging

/// What the coordinator orders, and what the work says.
extension WorkerState {
    /// Follows an order of this run's coordinator.
    mutating func obey(_ envelope: Envelope<CoordinatorMessage>, at now: ContinuousClock.Instant) {
        switch envelope.message {
        case .start(let assignment): start(assignment, at: now)
        case .reattach: lose("another one has taken its place", at: now)
        case .ping(let extent):
            unrecorded.removeAll { $0.step < extent.steps }
            unrecordedEvaluations.removeAll { $0.epoch < extent.epochs }
        case .pause where phase == .running && envelope.generation == generation:
            actions.append(.requestPause(generation: generation))
        case .halt(let reason):
            if phase == .running {
                actions.append(.cancel(generation: generation, reason: printable(reason)))
            } else {
                // Word of the pause may have been lost.
                repeatStanding()
            }
        case .evaluated(let epoch):
            actions.append(.confirm(epoch: epoch))
        case .save:
            if case .paused = phase { actions.append(.sendCheckpoint) } else { actions.append(.requestCheckpoint) }
        case .conclude(let savesCheckpoint):
            switch phase {
            case .paused, .finishing:
                phase = .running
                actions.append(.finish(savesCheckpoint: savesCheckpoint))
            default: break
            }
        case .rejoin(let reason): rejoin(printable(reason), at: now)
        case .abort(let reason):
            let why = printable(reason)
            end(.aborted(why), tell: WorkerFailure("the run was aborted", origin: .consequence), at: now)
        case .goodbye:
            switch phase {
            case .finishing(let report): conclude(report.isComplete ? .completed(report) : .stopped(report))
            case .paused(let pause) where isLeaving: conclude(.left(steps: pause.steps))
            default: end(.aborted("the coordinator ended the run"), at: now)
            }
        // The coordinator does not know that all is built.
        case .configuration: if case .ready(let readiness) = phase { send(.ready(readiness)) }
        case .pause, .refused: break
        }
    }

    private mutating func start(_ assignment: Assignment, at now: ContinuousClock.Instant) {
        switch phase {
        case .ready, .paused, .finishing: break
        default: return
        }
        guard assignment.generation > generation else { return }
        generation = assignment.generation
        rank = assignment.rank
        // Steps that are taken again, from a checkpoint, are reported again.
        unrecorded.removeAll { $0.step >= assignment.firstStep }
        // What was said in another generation may not have counted.
        firstUnsent = 0
        nextReport = now
        phase = .running
        actions.append(.start(assignment))
    }

    /// Gives up the membership, since the coordinator has done so.
    private mutating func rejoin(_ reason: String, at now: ContinuousClock.Instant) {
        switch phase {
        case .running:
            phase = .rejoining(until: now + Self.rejoinTimeout)
            actions.append(.cancel(generation: generation, reason: reason))
        case .ready, .paused, .finishing: joinAnew(at: now)
        case .joining, .configuring, .rejoining, .ending, .concluded: break
        }
    }

    /// Says again what a coordinator that was out of reach, or is a new one, may not know.
    mutating func repeatStanding() {
        switch phase {
        case .ready, .running, .paused, .finishing: break
        case .joining, .configuring, .rejoining, .ending, .concluded: return
        }
        firstUnsent = 0
        sendSteps()
        for report in unrecordedEvaluations { send(.evaluation(report)) }
        if case .ready(let readiness) = phase { send(.ready(readiness)) }
        if isLeaving { send(.leaving) }
        if case .paused(let pause) = phase { send(.paused(pause)) }
        if case .finishing(let report) = phase { send(.finished(report)) }
    }

    // MARK: - Steps

    /// Reports steps, if that is this member's part: what is said next stands behind them.
    ///
    /// Short steps wait for a heartbeat and go together: a message each would cost more than everything else.
    mutating func reportNow() {
        if phase == .running && rank == 0 && lost == nil { sendSteps() }
    }

    /// Sends the reports that were not sent before.
    private mutating func sendSteps() {
        let reports = unrecorded.filter { $0.step >= firstUnsent }
        guard let last = reports.last else { return }
        firstUnsent = last.step + 1
        for start in stride(from: 0, to: reports.count, by: ControlCodec.stepLimit) {
            send(.steps(Array(reports[start..<min(start + ControlCodec.stepLimit, reports.count)])))
        }
    }

    // MARK: - The work

    mutating func pass(_ report: WorkerReport, at now: ContinuousClock.Instant) {
        switch (report, phase) {
        case (_, .joining): break
        case (.log(let line), _): send(.log(line))
        case (.step(let report), .running):
            unrecorded.append(report)
            guard now >= nextReport else { break }
            nextReport = now + Self.heartbeatInterval
            reportNow()
        case (.evaluation(let report), .running):
            unrecordedEvaluations.append(report)
            guard lost == nil else { break }
            reportNow()
            send(.evaluation(report))
        case (.checkpointPart(let part, let bytes), .running), (.checkpointPart(let part, let bytes), .paused):
            reportNow()
            send(.checkpointPart(part), payload: bytes)
        case (.verification(let verification), .running):
            reportNow()
            send(.verification(verification))
        // A step that was applied counts, also when the coordinator has ended the membership meanwhile.
        case (.step(let report), .rejoining): unrecorded.append(report)
        // What a cancelled training still says does not count any more.
        case (.step, _), (.evaluation, _), (.checkpointPart, _), (.verification, _): break
        }
    }

    mutating func paused(_ pause: Pause, at now: ContinuousClock.Instant) {
        switch phase {
        case .running:
            phase = .paused(pause)
            if lost == nil {
                // Whoever reported until now may be gone, so each member says what is not written down yet.
                sendSteps()
                send(.paused(pause))
            }
        case .rejoining: joinAnew(at: now)
        case .ending(let outcome, _): conclude(outcome)
        case .joining, .configuring, .ready, .paused, .finishing, .concluded: break
        }
    }

    mutating func finished(_ report: FinalReport, at now: ContinuousClock.Instant) {
        switch phase {
        case .running:
            phase = .finishing(report)
            if lost == nil {
                sendSteps()
                send(.finished(report))
            }
        case .rejoining: joinAnew(at: now)
        case .ending(let outcome, _): conclude(outcome)
        case .joining, .configuring, .ready, .paused, .finishing, .concluded: break
        }
    }

    mutating func failed(_ failure: WorkerFailure) {
        switch phase {
        case .joining: conclude(.failed(failure.reason))
        case .configuring, .ready, .running, .paused, .finishing, .rejoining:
            reportNow()
            send(.failed(failure))
            conclude(.failed(failure.reason))
        case .ending(let outcome, _): conclude(outcome)
        case .concluded: break
        }
    }
}
