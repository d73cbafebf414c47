// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// An ETH/USD feed with Chainlink's read interface, whose answer its owner sets.
/// Without an override of updatedAt it answers the time of the block, so that it is never stale.
contract PriceFeed {
    uint8 public constant decimals = 8;
    string public constant description = "ETH / USD";
    uint256 public constant version = 4;

    address public owner;
    int256 private answer;
    uint256 private updatedAtOverride;
    uint80 private round = 1;

    event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);

    modifier onlyOwner() {
        require(msg.sender == owner);
        _;
    }

    constructor(int256 initialAnswer) {
        owner = msg.sender;
        answer = initialAnswer;
    }

    function latestRoundData()
        external
        view
        returns (
            uint80 roundId,
            int256 currentAnswer,
            uint256 startedAt,
            uint256 updatedAt,
            uint80 answeredInRound
        )
    {
        uint256 moment = updatedAtOverride == 0 ? block.timestamp : updatedAtOverride;
        return (round, answer, moment, moment, round);
    }

    function setAnswer(int256 newAnswer) external onlyOwner {
        answer = newAnswer;
        round += 1;
        emit AnswerUpdated(newAnswer, round, block.timestamp);
    }

    /// Zero takes the override away.
    function setUpdatedAt(uint256 newUpdatedAt) external onlyOwner {
        updatedAtOverride = newUpdatedAt;
    }
}
