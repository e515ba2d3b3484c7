import Configuration
import Foundation

/// Times `gamma` at each milestone; matches `torch.optim.lr_scheduler.MultiStepLR` with the milestones in steps.
struct MultiStepSchedule: Schedule {
    static let name = "multi_step"

    /// Epochs after which the rate changes.
    var milestones: [Double] = []
    /// The factor of each change.
    var gamma = 0.1

    func problems() -> [(key: String, problem: String)] {
        if milestones.isEmpty {
            return [("milestones", "needs the epochs after which the learning rate changes, as in [30, 60]")]
        }
        if let wrong = milestones.first(where: { !($0 > 0 && $0 <= 1e6) }) {
            return [("milestones", "must be above 0 and at most 1000000, found \(wrong)")]
        }
        return gammaProblems(gamma)
    }

    func factor(at position: SchedulePosition) -> Double {
        pow(gamma, Double(milestones.count { position.steps(ofEpochs: $0) <= position.step }))
    }
}
