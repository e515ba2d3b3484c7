import Messaging

/// Keeps a checkpoint from becoming one before it can be trusted.
///
/// The last part of a checkpoint is held until all its steps are reported, so that no checkpoint holds steps that the
/// journal does not know, and until the sender's parameters have been found equal to those of the others. Parts come from
/// one sender from the first one on; what another one has begun cannot be completed.
struct CheckpointGate: Sendable {
    /// A part with its bytes.
    struct Parcel: Sendable {
        let part: CheckpointPart
        let bytes: Frame
        let sender: PeerID
    }

    private var sender: (peer: PeerID, step: Int)?
    private var held: Parcel?
    /// Up to this number of steps all members held the same parameters, as far as is known.
    private var commonSteps = 0
    /// The same for single members.
    private var agreedSteps: [PeerID: Int] = [:]
    /// The number of steps in the newest checkpoint that went through.
    private(set) var passedStep = 0

    /// Forgets what is under way; all members of the next generation begin with the same state after `steps` steps.
    mutating func begin(at steps: Int) {
        sender = nil
        held = nil
        commonSteps = steps
        agreedSteps = [:]
        // A run that goes back to an older checkpoint comes to the same steps again.
        passedStep = min(passedStep, steps)
    }

    /// Takes a part of a checkpoint; nil when it is held or belongs to nothing that was begun.
    mutating func take(_ parcel: Parcel, reportedSteps: Int) -> Parcel? {
        let part = parcel.part
        if part.isFirst {
            sender = (parcel.sender, part.step)
            held = nil
        }
        guard let sender, sender.peer == parcel.sender, sender.step == part.step else { return nil }
        guard part.isLast else { return parcel }
        self.sender = nil
        held = parcel
        return release(reportedSteps: reportedSteps)
    }

    /// A member held the same parameters as the others after `steps` steps.
    mutating func agree(_ peer: PeerID, on steps: Int) { agreedSteps[peer] = max(agreedSteps[peer] ?? 0, steps) }

    /// The checkpoint of `step` did not reach the disk.
    mutating func miss(_ step: Int) { if passedStep == step { passedStep = 0 } }

    /// The last part that was held, once it can be trusted.
    mutating func release(reportedSteps: Int) -> Parcel? {
        guard let held, held.part.step <= reportedSteps,
            held.part.step <= max(commonSteps, agreedSteps[held.sender] ?? 0)
        else { return nil }
        self.held = nil
        passedStep = max(passedStep, held.part.step)
        return held
    }
}
