import Tensors

/// What the figure of a clip does; the raw value is the label.
package enum Motion: Int, CaseIterable, Sendable {
    case left, right, up, down, growing, shrinking, clockwise, counterclockwise, bouncing, still

    /// The name of the class.
    package var name: String { "\(self)" }
}

/// The poses of one figure over the frames of a clip.
///
/// No single frame tells the motion: place, size and direction of a clip come from tracks that are drawn alike for every
/// motion. The motion only says which track is played; of the others one moment, each equally likely, stands still. So a
/// frame taken at random has the same distribution in every class. A figure turns about a point beside it, so that its
/// turning is as plain as its other motions: it goes in a circle and shows its sides.
package struct MotionTrack {
    private let motion: Motion
    private let frames: Int
    private let middle: (x: Float, y: Float)
    private let reach: (x: Float, y: Float)
    /// The way from the point about which the figure turns to the figure's middle, along its axis.
    private let arm: Float
    /// Where on their tracks, from -1 to 1, place and size stand when they are not played.
    private let rest: (x: Float, y: Float, size: Float)
    private let radius: Float
    private let growth: Float
    private let start: (x: Float, y: Float)
    /// The turn from a frame to the next: its cosine and sine.
    private let turn: (cosine: Float, sine: Float)
    private let bounce: (isUpright: Bool, phase: Float, period: Float)

    /// Draws the lots of a clip of `frames` frames from `random`.
    package init(_ motion: Motion, frames: Int, random: inout RandomStream) {
        self.motion = motion
        self.frames = frames
        let centre = Float(ShapeScene.side - 1) / 2
        middle = (centre + random.uniform(-4, 4), centre + random.uniform(-4, 4))
        reach = (random.uniform(5.5, 6.5), random.uniform(5.5, 6.5))
        arm = random.uniform(4, 5)
        radius = random.uniform(5, 7.5)
        growth = random.uniform(0.3, 0.4)
        start = ShapeScene.direction(&random)
        // sin and cos differ between hosts; a rational point on the circle does not. q is the half angle's tangent.
        let q = random.uniform(0.125, 0.2)
        turn = ((1 - q * q) / (1 + q * q), 2 * q / (1 + q * q))
        bounce = (random.uniform() < 0.5, random.uniform(), Float(frames) * random.uniform(0.7, 0.9))
        rest = (Self.moment(of: frames, &random), Self.moment(of: frames, &random), Self.moment(of: frames, &random))
    }

    /// The pose in frame `frame`.
    package func pose(_ frame: Int) -> Pose {
        let now = Self.place(frame, of: frames)
        var (x, y, size) = rest
        switch motion {
        case .left: x = -now
        case .right: x = now
        case .up: y = -now
        case .down: y = now
        case .growing: size = now
        case .shrinking: size = -now
        case .bouncing:
            let place = Self.swing(bounce.phase + Float(frame) / bounce.period)
            if bounce.isUpright { y = place } else { x = place }
        case .clockwise, .counterclockwise, .still: break
        }
        let direction = direction(frame)
        // The axis points up where rows count down.
        return Pose(
            centre: (middle.x + reach.x * x + arm * direction.x, middle.y + reach.y * y - arm * direction.y),
            direction: direction, radius: radius * (1 + growth * size))
    }

    /// Where the figure's axis points in frame `frame`: turned step by step, or as it began.
    private func direction(_ frame: Int) -> (x: Float, y: Float) {
        guard motion == .clockwise || motion == .counterclockwise else { return start }
        let sine = motion == .clockwise ? -turn.sine : turn.sine
        var (x, y) = start
        for _ in 0..<frame { (x, y) = (x * turn.cosine - y * sine, x * sine + y * turn.cosine) }
        return ShapeScene.unit(x, y)
    }

    /// Where a track stands in frame `frame`: even steps, as far from -1 as from 1.
    private static func place(_ frame: Int, of frames: Int) -> Float {
        Float(2 * frame + 1 - frames) / Float(frames)
    }

    /// A moment of a track, each equally likely.
    private static func moment(of frames: Int, _ random: inout RandomStream) -> Float {
        place(random.integer(below: frames), of: frames)
    }

    /// A triangular wave of period 1 between -1 and 1.
    private static func swing(_ time: Float) -> Float {
        let fraction = time - time.rounded(.down)
        return (fraction < 0.5 ? fraction : 1 - fraction) * 4 - 1
    }
}
