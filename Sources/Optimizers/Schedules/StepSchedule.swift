import Configuration
import Foundation

/// Times `gamma` every `step_epochs` epochs; matches `torch.optim.lr_scheduler.StepLR` with the epochs in steps.
struct StepSchedule: Schedule {
    static let name = "step"

    /// Epochs between changes.
    var stepEpochs = 30.0
    /// The factor of each change.
    var gamma = 0.1

    enum CodingKeys: String, CodingKey {
        case gamma
        case stepEpochs = "step_epochs"
    }

    func problems() -> [(key: String, problem: String)] {
        if stepEpochs > 0 && stepEpochs <= 1e6 { return gammaProblems(gamma) }
        return [("step_epochs", "must be above 0 and at most 1000000, found \(stepEpochs)")]
    }

    func factor(at position: SchedulePosition) -> Double {
        pow(gamma, Double(position.step / max(position.steps(ofEpochs: stepEpochs), 1)))
    }
}
